{{/* Egress of schedulers and workers: names, the three services, what the operator adds. */}}
{{- define "framefleet.egress" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- if .Values.rabbitmq.bundled.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "framefleet.selectorLabels" (dict "root" . "component" "rabbitmq") | nindent 10 }}
  ports:
    - {port: 5672, protocol: TCP}
{{- end }}
{{- if .Values.redis.bundled.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "framefleet.selectorLabels" (dict "root" . "component" "redis") | nindent 10 }}
  ports:
    - {port: 6379, protocol: TCP}
{{- end }}
{{- if .Values.s3.bundled.enabled }}
- to:
    - podSelector:
        matchLabels:
          {{- include "framefleet.selectorLabels" (dict "root" . "component" "s3") | nindent 10 }}
  ports:
    - {port: {{ ternary 9000 8333 (eq .Values.s3.bundled.kind "minio") }}, protocol: TCP}
{{- end }}
{{- if .Values.networkPolicy.servicePorts }}
# Services and storages outside the chart.
- to:
    {{- range .Values.networkPolicy.serviceCidrs }}
    - ipBlock: {{ include "framefleet.block" . }}
    {{- end }}
  ports:
    {{- range include "framefleet.servicePorts" . | fromYamlArray }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Ports of services outside the chart: those that are listed, and that of the S3 server. */}}
{{- define "framefleet.servicePorts" -}}
{{- $ports := list -}}
{{- range .Values.networkPolicy.servicePorts -}}
{{- $ports = append $ports (int .) -}}
{{- end -}}
{{- if not .Values.s3.bundled.enabled -}}
{{- $given := regexFind ":[0-9]+$" .Values.s3.endpoint | trimPrefix ":" -}}
{{- $ports = append $ports (int ($given | default (ternary "443" "80" .Values.s3.secure))) -}}
{{- end -}}
{{- toYaml (uniq $ports) -}}
{{- end -}}

{{/* Addresses of a network; of all of them those but link-local ones: a node's metadata service hands out credentials. */}}
{{- define "framefleet.block" -}}
{{- if eq . "0.0.0.0/0" -}}
{cidr: 0.0.0.0/0, except: [169.254.0.0/16]}
{{- else if eq . "::/0" -}}
{cidr: "::/0", except: ["fe80::/10"]}
{{- else -}}
{cidr: {{ . | quote }}}
{{- end -}}
{{- end -}}

{{/* Where media and webhooks may be: public addresses, or private ones too (the value that is given: true). */}}
{{- define "framefleet.web" -}}
{{- if . -}}
- ipBlock: {{ include "framefleet.block" "0.0.0.0/0" }}
- ipBlock: {{ include "framefleet.block" "::/0" }}
{{- else -}}
- ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]}
- ipBlock: {cidr: "2000::/3"}
{{- end -}}
{{- end -}}

{{/* Whether workers of some pool may fetch from private networks: "true" or nothing. A setting is true as the services read it. */}}
{{- define "framefleet.privateSources" -}}
{{- $private := "" -}}
{{- range $own := .Values.pools -}}
{{- $pool := mergeOverwrite (deepCopy $.Values.workers) $own -}}
{{- $config := mergeOverwrite (deepCopy ($.Values.config | default dict)) ($pool.config | default dict) -}}
{{- if has (get $config "ALLOW_PRIVATE_SOURCES" | toString | lower) (list "true" "1" "yes" "on" "y" "t") -}}
{{- $private = "true" -}}
{{- end -}}
{{- end -}}
{{- $private -}}
{{- end -}}

{{/* Who may read metrics. */}}
{{- define "framefleet.metricsFrom" -}}
{{- with .Values.networkPolicy.metricsNamespace }}
- namespaceSelector:
    matchLabels:
      kubernetes.io/metadata.name: {{ . }}
{{- end }}
{{- end -}}

{{/* A NetworkPolicy of a bundled service: (dict "root" . "component" "redis" "port" 6379), and a "metricsPort" if it has one. */}}
{{- define "framefleet.servicePolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "framefleet.fullname" .root }}-{{ .component }}
  labels:
    {{- include "framefleet.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "framefleet.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/name: {{ include "framefleet.name" .root }}
              app.kubernetes.io/instance: {{ .root.Release.Name }}
      ports:
        - {port: {{ .port }}, protocol: TCP}
    {{- if .metricsPort }}
    - ports:
        - {port: {{ .metricsPort }}, protocol: TCP}
      {{- with include "framefleet.metricsFrom" .root | trim }}
      from:
        {{- . | nindent 8 }}
      {{- end }}
    {{- end }}
  # It calls nobody but the cluster's name server.
  egress:
    - ports:
        - {port: 53, protocol: UDP}
        - {port: 53, protocol: TCP}
{{- end -}}
