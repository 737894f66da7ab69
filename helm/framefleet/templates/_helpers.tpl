{{/* Name of the chart, in labels. */}}
{{- define "framefleet.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* What every name begins with: 40 characters, so that a component's name and a pool's fit behind it. */}}
{{- define "framefleet.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "framefleet.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "framefleet.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of an object: (dict "root" . "component" "scheduler"). */}}
{{- define "framefleet.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: framefleet
{{ include "framefleet.selectorLabels" . }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels that select pods. They never change: a Deployment's selector cannot. */}}
{{- define "framefleet.selectorLabels" -}}
app.kubernetes.io/name: {{ include "framefleet.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* A size such as 20Gi, in bytes. */}}
{{- define "framefleet.bytes" -}}
{{- $powers := dict "k" 1 "M" 2 "G" 3 "T" 4 "P" 5 "E" 6 -}}
{{- $unit := regexFind "[A-Za-z]+$" . -}}
{{- $bytes := regexFind "^[0-9.]+" . | float64 -}}
{{- range until (get $powers (trimSuffix "i" $unit) | default 0 | int) -}}
{{- $bytes = mulf $bytes (ternary 1024 1000 (hasSuffix "i" $unit)) -}}
{{- end -}}
{{- int64 $bytes -}}
{{- end -}}

{{/* Name of the ServiceAccount. */}}
{{- define "framefleet.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "framefleet.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}
