{{/* Combinations that cannot work stop the installation with a sentence. What only needs the right type is in the schema. */}}
{{- define "framefleet.checks" -}}
{{- include "framefleet.checkServices" . -}}
{{- include "framefleet.checkApi" . -}}
{{- include "framefleet.checkPools" . -}}
{{- include "framefleet.checkLabels" . -}}
{{- end -}}

{{- define "framefleet.checkLabels" -}}
{{- range $label := list "name" "instance" "component" -}}
{{- if hasKey $.Values.commonLabels (printf "app.kubernetes.io/%s" $label) -}}
{{- fail (printf "\ncommonLabels: app.kubernetes.io/%s tells pods apart and is set by the chart; take another name." $label) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "framefleet.checkServices" -}}
{{- $v := .Values -}}
{{- range $name := list "rabbitmq" "redis" }}
{{- $service := index $v $name -}}
{{- if and $service.bundled.enabled $service.existingSecret -}}
{{- fail (printf "\n%s: either bundled.enabled or existingSecret; a Secret for what is bundled is bundledSecret." $name) -}}
{{- else if not (or $service.bundled.enabled $service.existingSecret) -}}
{{- fail (printf "\n%s.existingSecret is empty: name a Secret whose key %q has the address, or set %s.bundled.enabled for a trial." $name $service.secretKey $name) -}}
{{- end -}}
{{- end -}}
{{- if $v.s3.bundled.enabled -}}
{{- if or $v.s3.endpoint $v.s3.existingSecret -}}
{{- fail "\ns3: either bundled.enabled or endpoint and existingSecret; a Secret for what is bundled is bundledSecret." -}}
{{- end -}}
{{- if and (eq $v.s3.bundled.kind "minio") (contains "seaweedfs" $v.s3.bundled.image) -}}
{{- fail "\ns3.bundled.kind is minio, but s3.bundled.image is SeaweedFS: give an image of MinIO." -}}
{{- end -}}
{{- else -}}
{{- if not $v.s3.endpoint -}}
{{- fail "\ns3.endpoint is empty: give host:port of an S3 server, or set s3.bundled.enabled for a trial." -}}
{{- end -}}
{{- if contains "/" $v.s3.endpoint -}}
{{- fail "\ns3.endpoint is host or host:port, without http:// and path; TLS is s3.secure." -}}
{{- end -}}
{{- if not $v.s3.existingSecret -}}
{{- fail (printf "\ns3.existingSecret is empty: name a Secret with the keys %q and %q." $v.s3.accessKeyKey $v.s3.secretKeyKey) -}}
{{- end -}}
{{- end -}}
{{- if and $v.bundledSecret (not (or $v.rabbitmq.bundled.enabled $v.redis.bundled.enabled $v.s3.bundled.enabled)) -}}
{{- fail "\nbundledSecret is for what is bundled, and nothing is: use rabbitmq, redis and s3.existingSecret." -}}
{{- end -}}
{{- if and $v.tls.ca.existingSecret $v.tls.ca.existingConfigMap -}}
{{- fail "\ntls.ca: either existingSecret or existingConfigMap." -}}
{{- end -}}
{{- end -}}

{{- define "framefleet.checkApi" -}}
{{- $scheduler := .Values.scheduler -}}
{{- $least := add $scheduler.preStopSeconds 35 -}}
{{- if lt (int $scheduler.terminationGracePeriodSeconds) (int $least) -}}
{{- fail (printf "\nscheduler.terminationGracePeriodSeconds has to be %d at least: preStopSeconds, and 35 in which a scheduler ends." $least) -}}
{{- end -}}
{{- $api := .Values.api -}}
{{- if and $api.ingress.enabled (not $api.ingress.hosts) -}}
{{- fail "\napi.ingress.hosts is empty: name the hosts, or set api.ingress.enabled to false." -}}
{{- end -}}
{{- if and $api.gateway.enabled (not $api.gateway.parentRefs) -}}
{{- fail "\napi.gateway.parentRefs is empty: name the Gateway that the route belongs to." -}}
{{- end -}}
{{- if and (eq $api.keys "off") (or $api.ingress.enabled $api.gateway.enabled (ne $api.service.type "ClusterIP")) -}}
{{- fail "\napi.keys is off and the API is reached from outside: anybody could do everything. Use auto, and make keys with `framefleet keys`." -}}
{{- end -}}
{{- end -}}

{{- define "framefleet.checkPools" -}}
{{- $names := list -}}
{{- $shares := dict "cpu" 0.0 "gpu" 0.0 -}}
{{- $tags := list -}}
{{- if not .Values.pools -}}
{{- fail "\npools is empty: nothing would be worked on. Name one pool at least." -}}
{{- end -}}
{{- range $own := .Values.pools -}}
{{- $pool := mergeOverwrite (deepCopy $.Values.workers) $own -}}
{{- if has $pool.name $names -}}
{{- fail (printf "\npools: there are two of the name %q." $pool.name) -}}
{{- end -}}
{{- $names = append $names $pool.name -}}
{{- $tags = concat $tags $pool.tags -}}
{{- $gpus := gt (int $pool.gpu.count) 0 -}}
{{- if and (has "gpu" $pool.tags) (not $gpus) -}}
{{- fail (printf "\npool %s: its tags have gpu, so set gpu.count to 1 or more." $pool.name) -}}
{{- end -}}
{{- if and $gpus (not (has "gpu" $pool.tags)) -}}
{{- fail (printf "\npool %s: it takes GPUs and has no slots for them; set tags to [gpu], or gpu.count to 0." $pool.name) -}}
{{- end -}}
{{- if and $gpus (eq $pool.image "framefleet/worker-cpu") -}}
{{- fail (printf "\npool %s: the image framefleet/worker-cpu has no CUDA; set image to framefleet/worker-gpu." $pool.name) -}}
{{- end -}}
{{- if $pool.autoscaling.enabled -}}
{{- if gt (int $pool.autoscaling.minReplicas) (int $pool.autoscaling.maxReplicas) -}}
{{- fail (printf "\npool %s: autoscaling.minReplicas is more than maxReplicas." $pool.name) -}}
{{- end -}}
{{- if and (eq $.Values.autoscaling.source "prometheus") (not $.Values.autoscaling.prometheusAddress) -}}
{{- fail (printf "\npool %s is scaled by Prometheus: give autoscaling.prometheusAddress, or set autoscaling.source to scheduler." $pool.name) -}}
{{- end -}}
{{- if and (eq $.Values.autoscaling.source "prometheus") (not $.Values.monitoring.serviceMonitor.enabled) -}}
{{- fail (printf "\npool %s is scaled by Prometheus, which scrapes no scheduler: set monitoring.serviceMonitor.enabled, or autoscaling.source to scheduler." $pool.name) -}}
{{- end -}}
{{- range $tag := $pool.tags -}}
{{- $_ := set $shares $tag (addf (get $shares $tag) $pool.autoscaling.share) -}}
{{- if gt (get $shares $tag) 1.001 -}}
{{- fail (printf "\npools: those with the tag %s share more than the whole of its work; autoscaling.share of all of them must add up to 1 at most." $tag) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if not (has "cpu" $tags) -}}
{{- fail "\npools: none has the tag cpu, and sources are looked at and outputs joined by CPUs: add a pool with tags [cpu], or [cpu, gpu]." -}}
{{- end -}}
{{- end -}}
