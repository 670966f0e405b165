{{/*
What an app is, apart from what a user may set: where it listens, whom it calls, what it consumes. The same edges are in the
controllers and in the `clients` of each main.ts.
*/}}
{{- define "flashmesh.facts" -}}
gateway: {http: true, grpc: true, calls: [catalog, order, inventory]}
catalog: {grpc: true, calls: [inventory]}
order: {grpc: true, calls: [catalog, inventory, payment], consumes: inventory.events}
inventory: {grpc: true, calls: [], consumes: inventory.commands}
payment: {grpc: true, calls: []}
fulfillment: {calls: [], consumes: orders.events}
notification: {calls: [], consumes: orders.events}
{{- end -}}

{{/*
Every app as YAML, name to what its templates need: the facts above, the user's values over the defaults, its full name, and the
apps that call it.
*/}}
{{- define "flashmesh.apps" -}}
{{- $facts := include "flashmesh.facts" . | fromYaml -}}
{{- range $name, $fact := $facts }}
{{- $callers := list -}}
{{- range $caller, $other := $facts }}
{{- if has $name $other.calls }}{{ $callers = append $callers $caller }}{{ end -}}
{{- end }}
{{- $values := mergeOverwrite (deepCopy $.Values.defaults) (deepCopy (index $.Values.apps $name | default dict)) }}
{{- $own := dict "name" (printf "%s-%s" (include "common.fullname" $) $name) "callers" $callers }}
{{ $name }}:
  {{- mergeOverwrite (deepCopy $fact) $values $own | toYaml | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The image of an app: dict root, app (folder name). */}}
{{- define "flashmesh.image" -}}
{{- $image := .root.Values.image -}}
{{- include "common.image" (dict "root" .root "image" (dict "registry" $image.registry "repository" (printf "%s/%s" $image.repository .app) "tag" $image.tag "digest" (index $image.digests .app))) -}}
{{- end -}}

{{- define "flashmesh.zookeeperPort" -}}
{{- ternary 2281 2181 (eq (include "common.secure" .) "true") -}}
{{- end -}}

{{/*
Where ZooKeeper is: the servers that are named, the Service in front of one, or each server of an ensemble, so that a client picks
another when one is away. These by the whole names that the zookeeper chart's certificate has, which knows no shorter ones of pods.
*/}}
{{- define "flashmesh.zookeeperServers" -}}
{{- $port := include "flashmesh.zookeeperPort" . -}}
{{- $domain := printf "%s.svc.%s" .Release.Namespace .Values.clusterDomain -}}
{{- $servers := list -}}
{{- range $i := until (int .Values.zookeeper.replicas) -}}
{{- $servers = append $servers (printf "zookeeper-%d.zookeeper-headless.%s:%s" $i $domain $port) -}}
{{- end -}}
{{- .Values.zookeeper.servers | default (eq (len $servers) 1 | ternary (printf "zookeeper:%s" $port) (join "," $servers)) -}}
{{- end -}}

{{/* How to reach Kafka, for everything that does. */}}
{{- define "flashmesh.kafkaEnv" -}}
{{- if include "common.secure" . }}
KAFKA_TLS: 'true'
KAFKA_CA_FILE: /etc/flashmesh/kafka-ca/ca.crt
KAFKA_USERNAME: {{ .Values.kafka.user }}
KAFKA_PASSWORD_FILE: /etc/flashmesh/kafka-auth/password
{{- end }}
{{- end -}}

{{/* The brokers by names that other namespaces know too: those without a dot are Services beside us. */}}
{{- define "flashmesh.kafkaFromAnywhere" -}}
{{- $servers := list -}}
{{- range splitList "," .Values.kafka.brokers -}}
{{- $address := splitList ":" . -}}
{{- $host := first $address -}}
{{- if not (contains "." $host) }}{{ $host = printf "%s.%s.svc.%s" $host $.Release.Namespace $.Values.clusterDomain }}{{ end -}}
{{- $servers = append $servers (printf "%s:%s" $host (last $address)) -}}
{{- end -}}
{{- join "," $servers -}}
{{- end -}}

{{/* Who an app is to the others: dict root, name (of its Service and account). */}}
{{- define "flashmesh.spiffeId" -}}
{{- printf "spiffe://%s/ns/%s/sa/%s" .root.Values.clusterDomain .root.Release.Namespace .name -}}
{{- end -}}

{{/* The Secret with an app's certificate: dict root, app (from flashmesh.apps), component (its name in the mesh). */}}
{{- define "flashmesh.identitySecret" -}}
{{- include "common.tlsSecretName" (dict "root" .root "name" (printf "%s-tls" .app.name)) | replace "{app}" .component -}}
{{- end -}}

{{/* The environment of every app, as a map. */}}
{{- define "flashmesh.env" -}}
{{- $secure := eq (include "common.secure" .) "true" -}}
NODE_ENV: production
LOG_LEVEL: {{ .Values.logLevel }}
BIND_HOST: 0.0.0.0
GRPC_PORT: '50051'
HEALTH_PORT: '8081'
VERSION: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
DRAIN_TIMEOUT_MS: {{ .Values.drainTimeoutMs | int | quote }}
# A whole shop that starts at once takes longer than one app.
START_TIMEOUT_MS: '90000'
# One arena of glibc's allocator: nobody here allocates in parallel.
MALLOC_ARENA_MAX: '1'
{{- if $secure }}
GRPC_CERT_FILE: /etc/flashmesh/identity/tls.crt
GRPC_KEY_FILE: /etc/flashmesh/identity/tls.key
GRPC_CA_FILE: /etc/flashmesh/identity/ca.crt
GRPC_IDENTITY: {{ include "flashmesh.spiffeId" (dict "root" . "name" (printf "%s-{service}" (include "common.fullname" .))) }}
{{- else }}
GRPC_PLAINTEXT: 'true'
{{- end }}
ZOOKEEPER: {{ include "flashmesh.zookeeperServers" . }}
ZOOKEEPER_SESSION_TIMEOUT_MS: {{ .Values.zookeeper.sessionTimeoutMs | int | quote }}
KAFKA_BROKERS: {{ .Values.kafka.brokers }}
KAFKA_PARTITIONS: {{ .Values.kafka.partitions | int | quote }}
KAFKA_REPLICATION: {{ .Values.kafka.replication | int | quote }}
# The Job makes them, with this number of partitions.
KAFKA_CREATE_TOPICS: 'false'
{{- include "flashmesh.kafkaEnv" . }}
{{- if .Values.redis.sentinels }}
REDIS_SENTINELS: {{ .Values.redis.sentinels }}
REDIS_MASTER_NAME: {{ .Values.redis.masterName }}
{{- if $secure }}
REDIS_TLS: 'true'
{{- end }}
{{- else }}
REDIS_URL: {{ printf "%s://%s" (ternary "rediss" "redis" $secure) .Values.redis.address }}
{{- end }}
{{- if $secure }}
ZOOKEEPER_TLS: 'true'
ZOOKEEPER_CA_FILE: /etc/flashmesh/zookeeper-ca/ca.crt
ZOOKEEPER_USERNAME: {{ .Values.zookeeper.user }}
ZOOKEEPER_PASSWORD_FILE: /etc/flashmesh/zookeeper-auth/password
REDIS_CA_FILE: /etc/flashmesh/redis-ca/ca.crt
REDIS_USERNAME: {{ .Values.redis.user }}
REDIS_PASSWORD_FILE: /etc/flashmesh/redis-auth/password
{{- if .Values.redis.sentinels }}
REDIS_SENTINEL_USERNAME: sentinel
REDIS_SENTINEL_PASSWORD_FILE: /etc/flashmesh/redis-sentinel-auth/password
{{- end }}
{{- end }}
{{- with .Values.telemetry.otlp }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ printf "%s://%s" (ternary "https" "http" $secure) . }}
TRACE_RATIO: {{ $.Values.telemetry.traceRatio | quote }}
{{- if $secure }}
OTEL_EXPORTER_OTLP_CERTIFICATE: /etc/flashmesh/jaeger-ca/ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{/* The Secrets that a pod mounts below /etc/flashmesh when security is on, by the values that name them: dict root, kafkaOnly (bool). */}}
{{- define "flashmesh.secretMounts" -}}
{{- if include "common.secure" .root -}}
{{- $v := .root.Values -}}
kafka-ca: {value: kafka.tlsSecret, secret: {{ $v.kafka.tlsSecret }}, key: ca.crt, path: ca.crt}
kafka-auth: {value: kafka.authSecret, secret: {{ $v.kafka.authSecret }}, key: {{ $v.kafka.user }}, path: password}
{{- if not .kafkaOnly }}
zookeeper-ca: {value: zookeeper.tlsSecret, secret: {{ $v.zookeeper.tlsSecret }}, key: ca.crt, path: ca.crt}
zookeeper-auth: {value: zookeeper.authSecret, secret: {{ $v.zookeeper.authSecret }}, key: {{ $v.zookeeper.user }}, path: password}
redis-ca: {value: redis.tlsSecret, secret: {{ $v.redis.tlsSecret }}, key: ca.crt, path: ca.crt}
redis-auth: {value: redis.authSecret, secret: {{ $v.redis.authSecret }}, key: {{ $v.redis.user }}, path: password}
{{- if $v.redis.sentinels }}
redis-sentinel-auth: {value: redis.authSecret, secret: {{ $v.redis.authSecret }}, key: sentinel, path: password}
{{- end }}
{{- if $v.telemetry.otlp }}
jaeger-ca: {value: telemetry.tlsSecret, secret: {{ $v.telemetry.tlsSecret }}, key: ca.crt, path: ca.crt}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "flashmesh.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- range $name, $m := include "flashmesh.secretMounts" . | fromYaml }}
- name: {{ $name }}
  secret:
    secretName: {{ $m.secret }}
    defaultMode: 0440
    items:
      - {key: {{ $m.key }}, path: {{ $m.path }}}
{{- end }}
{{- end -}}

{{- define "flashmesh.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- range $name, $m := include "flashmesh.secretMounts" . | fromYaml }}
- {name: {{ $name }}, mountPath: /etc/flashmesh/{{ $name }}, readOnly: true}
{{- end }}
{{- end -}}

{{/* A map of environment variables as the list that a container takes. */}}
{{- define "flashmesh.envList" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "flashmesh.gatewaySecret" -}}
{{- .Values.gateway.existingSecret | default (printf "%s-gateway" (include "common.fullname" .)) -}}
{{- end -}}

{{- define "flashmesh.gatewayUrl" -}}
{{- printf "http://%s-gateway:%v" (include "common.fullname" .) .Values.gateway.service.port -}}
{{- end -}}

{{/* The labels that admit a pod to the products that the shop stands on. */}}
{{- define "flashmesh.clientLabels" -}}
zookeeper-client: 'true'
kafka-client: 'true'
redis-client: 'true'
jaeger-client: 'true'
{{- end -}}
