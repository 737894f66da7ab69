{{/* What every pod of the chart has: no token, no service links, and the restricted Pod Security profile. */}}
{{- define "framefleet.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user | default 10001 }}
  runAsGroup: {{ .user | default 10001 }}
  fsGroup: {{ .user | default 10001 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{/* Secrets for private registries. */}}
{{- define "framefleet.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* What every container has. */}}
{{- define "framefleet.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* An image of ours: (dict "root" . "image" "framefleet/scheduler" "digest" ""). */}}
{{- define "framefleet.image" -}}
{{- with .root.Values.image.registry }}{{ . }}/{{ end -}}
{{ .image }}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* Where pods may be: of the scheduler's values, or of a pool. */}}
{{- define "framefleet.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Volumes of schedulers and workers: (dict "root" . "tmp" "256Mi"), the room in /tmp. */}}
{{- define "framefleet.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .tmp }}
{{- if .root.Values.tls.ca.existingSecret }}
- name: ca
  secret:
    secretName: {{ .root.Values.tls.ca.existingSecret | quote }}
    items: [{key: {{ .root.Values.tls.ca.key | quote }}, path: ca.crt}]
{{- else if .root.Values.tls.ca.existingConfigMap }}
- name: ca
  configMap:
    name: {{ .root.Values.tls.ca.existingConfigMap | quote }}
    items: [{key: {{ .root.Values.tls.ca.key | quote }}, path: ca.crt}]
{{- end }}
{{- if .root.Values.storages.existingSecret }}
- name: storages
  secret:
    secretName: {{ .root.Values.storages.existingSecret | quote }}
    items: [{key: {{ .root.Values.storages.key | quote }}, path: storages.yaml}]
{{- end }}
{{- with .root.Values.storages.accounts }}
- name: accounts
  projected:
    sources:
      {{- range . }}
      - secret:
          name: {{ .existingSecret | quote }}
          items: [{key: access_key, path: {{ .name }}/access_key}, {key: secret_key, path: {{ .name }}/secret_key}]
      {{- end }}
{{- end }}
{{- end -}}

{{/* Where they are mounted. */}}
{{- define "framefleet.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if or .Values.tls.ca.existingSecret .Values.tls.ca.existingConfigMap }}
- name: ca
  mountPath: /etc/framefleet/tls
  readOnly: true
{{- end }}
{{- if .Values.storages.existingSecret }}
- name: storages
  mountPath: /etc/framefleet/storages
  readOnly: true
{{- end }}
{{- if .Values.storages.accounts }}
- name: accounts
  mountPath: /etc/framefleet/accounts
  readOnly: true
{{- end }}
{{- end -}}

{{/* The volume of a bundled service's data: (dict "storage" "8Gi" "storageClass" ""). */}}
{{- define "framefleet.claim" -}}
- metadata:
    name: data
  spec:
    accessModes: [ReadWriteOnce]
    {{- with .storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ .storage }}
{{- end -}}

{{/* How the pods of one component keep apart: (dict "root" . "component" "scheduler" "place" .Values.scheduler). */}}
{{- define "framefleet.apart" -}}
{{- if .place.affinity }}
affinity:
  {{- toYaml .place.affinity | nindent 2 }}
{{- else if eq .place.antiAffinity "hard" }}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "framefleet.selectorLabels" . | nindent 12 }}
{{- else if eq .place.antiAffinity "soft" }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "framefleet.selectorLabels" . | nindent 14 }}
{{- end }}
{{- if .place.spreadZones }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "framefleet.selectorLabels" . | nindent 8 }}
{{- end }}
{{- end -}}
