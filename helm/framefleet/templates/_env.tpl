{{/* The environment of schedulers and workers: (dict "root" . "own" .Values.scheduler.config "fixed" (dict ...)). What the
     chart sets cannot be in `config`: the schema takes no such name. */}}
{{- define "framefleet.env" -}}
{{- $v := .root.Values -}}
- name: HOME
  value: /tmp
{{ include "framefleet.secretEnv" (list "BROKER_URL" (include "framefleet.rabbitmqSecret" .root) (include "framefleet.rabbitmqKey" .root)) }}
{{ include "framefleet.secretEnv" (list "REDIS_URL" (include "framefleet.redisSecret" .root) (include "framefleet.redisKey" .root)) }}
{{ include "framefleet.secretEnv" (list "S3_ACCESS_KEY" (include "framefleet.s3Secret" .root) $v.s3.accessKeyKey) }}
{{ include "framefleet.secretEnv" (list "S3_SECRET_KEY" (include "framefleet.s3Secret" .root) $v.s3.secretKeyKey) }}
{{- range $name, $value := include "framefleet.settings" . | fromYaml }}
- name: FRAMEFLEET_{{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "framefleet.secretEnv" -}}
- name: FRAMEFLEET_{{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 | quote }}
      key: {{ index . 2 | quote }}
{{- end -}}

{{/* Settings that are no secrets, by name; YAML. */}}
{{- define "framefleet.settings" -}}
{{- $v := .root.Values -}}
{{- $fixed := dict
  "LOG_FORMAT" "json"
  "METRICS_HOST" "0.0.0.0"
  "S3_ENDPOINT" (include "framefleet.s3Endpoint" .root)
  "S3_SECURE" (ternary "false" ($v.s3.secure | toString) $v.s3.bundled.enabled)
  "S3_REGION" $v.s3.region
  "WORK_BUCKET" $v.s3.bucket
-}}
{{- if or $v.tls.ca.existingSecret $v.tls.ca.existingConfigMap -}}
{{- $_ := set $fixed "TLS_CA" "/etc/framefleet/tls/ca.crt" -}}
{{- end -}}
{{- if $v.storages.existingSecret -}}
{{- $_ := set $fixed "STORAGES" "/etc/framefleet/storages/storages.yaml" -}}
{{- end -}}
{{- if $v.storages.accounts -}}
{{- $_ := set $fixed "STORAGE_SECRETS" "/etc/framefleet/accounts" -}}
{{- end -}}
{{- $all := merge (dict) .fixed $fixed -}}
{{- range $name, $value := mergeOverwrite (deepCopy ($v.config | default dict)) (.own | default dict) -}}
{{- $_ := set $all $name (include "framefleet.number" $value) -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* A value as a setting has it: Helm reads large numbers as floats, which would come out as 8.589934592e+09. */}}
{{- define "framefleet.number" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* Secret with the passwords of what is bundled. */}}
{{- define "framefleet.servicesSecret" -}}
{{ .Values.bundledSecret | default (printf "%s-services" (include "framefleet.fullname" .)) }}
{{- end -}}

{{- define "framefleet.rabbitmqSecret" -}}
{{ .Values.rabbitmq.existingSecret | default (include "framefleet.servicesSecret" .) }}
{{- end -}}

{{- define "framefleet.rabbitmqKey" -}}
{{ ternary .Values.rabbitmq.secretKey "rabbitmq-url" (not (empty .Values.rabbitmq.existingSecret)) }}
{{- end -}}

{{- define "framefleet.redisSecret" -}}
{{ .Values.redis.existingSecret | default (include "framefleet.servicesSecret" .) }}
{{- end -}}

{{- define "framefleet.redisKey" -}}
{{ ternary .Values.redis.secretKey "redis-url" (not (empty .Values.redis.existingSecret)) }}
{{- end -}}

{{- define "framefleet.s3Secret" -}}
{{ .Values.s3.existingSecret | default (include "framefleet.servicesSecret" .) }}
{{- end -}}

{{- define "framefleet.s3Endpoint" -}}
{{- if .Values.s3.bundled.enabled -}}
{{ include "framefleet.fullname" . }}-s3:{{ ternary "9000" "8333" (eq .Values.s3.bundled.kind "minio") }}
{{- else -}}
{{ .Values.s3.endpoint }}
{{- end -}}
{{- end -}}
