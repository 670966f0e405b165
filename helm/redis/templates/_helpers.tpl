{{/* The labels of a shard's pods: dict root, shard. */}}
{{- define "redis.shardLabels" -}}
{{ include "common.selectorLabels" (dict "root" .root "component" "server") }}
flashmesh.io/shard: {{ .shard | quote }}
{{- end -}}

{{/* A memory quantity in bytes. */}}
{{- define "redis.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{- mulf (float64 (trimSuffix $unit (toString .))) (index $units $unit) | int64 -}}
{{- end -}}

{{- define "redis.maxmemory" -}}
{{- .Values.maxmemory | default (div (mul (include "redis.bytes" .Values.resources.limits.memory | int64) 6) 10) -}}
{{- end -}}

{{/* How the scripts find the pods. */}}
{{- define "redis.env" -}}
{{- $name := include "common.fullname" . -}}
{{- $suffix := printf "%s.svc.%s" .Release.Namespace .Values.clusterDomain -}}
- {name: NAME, value: {{ $name }}}
- {name: SENTINEL, value: {{ $name }}-sentinel}
- {name: DOMAIN, value: {{ $name }}-headless.{{ $suffix }}}
- {name: SENTINEL_DOMAIN, value: {{ $name }}-sentinel-headless.{{ $suffix }}}
- {name: SHARDS, value: {{ .Values.shards | quote }}}
- {name: REPLICAS, value: {{ .Values.replicas | quote }}}
- {name: SECURE, value: {{ include "common.secure" . | default "false" | quote }}}
- {name: RENEWED, value: {{ has (include "common.securityMode" .) (list "cert-manager" "existing") | quote }}}
{{- end -}}

{{/* What server and sentinel mount alike: dict root. */}}
{{- define "redis.volumeMounts" -}}
- {name: data, mountPath: /data}
- {name: conf, mountPath: /conf}
- {name: config, mountPath: /config, readOnly: true}
- {name: scripts, mountPath: /scripts, readOnly: true}
{{- if include "common.secure" . }}
- {name: tls, mountPath: /tls, readOnly: true}
- {name: auth, mountPath: /auth, readOnly: true}
{{- end }}
{{- end -}}

{{- define "redis.volumes" -}}
{{- $name := include "common.fullname" . -}}
# Passwords in the clear are written here, so not to a disk.
- name: conf
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: scripts
  configMap: {name: {{ $name }}-scripts, defaultMode: 0555}
{{- include "redis.secretVolumes" . }}
{{- end -}}

{{- define "redis.secretVolumes" -}}
{{- $name := include "common.fullname" . -}}
{{- if include "common.secure" . }}
- name: tls
  secret:
    secretName: {{ include "common.tlsSecretName" (dict "root" . "name" (printf "%s-tls" $name)) }}
    defaultMode: 0440
- name: auth
  secret:
    secretName: {{ include "common.authSecretName" (dict "root" . "name" (printf "%s-auth" $name)) }}
    defaultMode: 0440
{{- end }}
{{- end -}}

{{/* TLS in place of the plain port, for redis.conf and sentinel.conf: dict root, port. */}}
{{- define "redis.listen" -}}
# ACL users and the network policy say who gets in, so that this mode (which admits only localhost) is not needed.
protected-mode no
bind * -::*
{{- if include "common.secure" .root }}
port 0
tls-port {{ .port }}
tls-cert-file /tls/tls.crt
tls-key-file /tls/tls.key
tls-ca-cert-file /tls/ca.crt
tls-auth-clients {{ ternary "yes" "no" .root.Values.security.tls.requireClientCertificate }}
tls-replication yes
tls-protocols "TLSv1.2 TLSv1.3"
aclfile /conf/users.acl
{{- else }}
port {{ .port }}
{{- end }}
{{- end -}}

{{/* redis.conf and users of the servers, sentinel.conf and users of the sentinels: what a pod's checksum is taken from. */}}
{{- define "redis.serverConfig" -}}
redis.conf: |
  {{- include "redis.listen" (dict "root" . "port" 6379) | nindent 2 }}
  dir /data
  # The append-only file is all the persistence there is: no snapshots beside it.
  save ""
  appendonly yes
  appendfsync {{ .Values.appendfsync }}
  maxmemory {{ include "redis.maxmemory" . }}
  maxmemory-policy {{ .Values.maxmemoryPolicy }}
  {{- if .Values.replicas }}
  min-replicas-to-write {{ .Values.minReplicasToWrite }}
  min-replicas-max-lag 10
  # Replicas are started one by one: none is worth waiting for.
  repl-diskless-sync-delay 0
  {{- end }}
  {{- range .Values.extraConfig }}
  {{ . }}
  {{- end }}
{{- if include "common.secure" . }}
users: |
  admin ~* &* +@all
  flashmesh resetchannels {{ .Values.security.auth.rules }}
  replica resetchannels +psync +replconf +ping
  sentinel resetchannels &__sentinel__:hello +multi +exec +slaveof +replicaof +ping +role +info +publish +subscribe +config|rewrite +client|setname +client|kill +script|kill
  exporter resetchannels +ping +info +client|setname +slowlog|get +slowlog|len +latency|latest +latency|histogram
{{- end }}
{{- end -}}

{{- define "redis.sentinelConfig" -}}
sentinel.conf: |
  {{- include "redis.listen" (dict "root" . "port" 26379) | nindent 2 }}
  dir /data
  sentinel resolve-hostnames yes
  sentinel announce-hostnames yes
  sentinel announce-port 26379
{{- if include "common.secure" . }}
users: |
  admin ~* &* +@all
  sentinel ~* &* +@all
  flashmesh &* +@connection +@pubsub -publish -@dangerous +command +info +role +sentinel|get-master-addr-by-name +sentinel|master +sentinel|masters +sentinel|replicas +sentinel|slaves +sentinel|sentinels +sentinel|myid
{{- end }}
{{- end -}}

{{/* Who has a password: the keys of the Secret. */}}
{{- define "redis.users" -}}
[admin, flashmesh, replica, sentinel, exporter]
{{- end -}}
