{{/* `kafka.zk`, `kafka.separate`: non-empty when true. */}}
{{- define "kafka.zk" -}}
{{- if eq .Values.mode "zookeeper" -}}true{{- end -}}
{{- end -}}
{{- define "kafka.separate" -}}
{{- if and (eq .Values.mode "kraft") (eq .Values.controllers "separate") -}}true{{- end -}}
{{- end -}}

{{/* Kafka 4 knows no ZooKeeper; 3.9 is the last that does. */}}
{{- define "kafka.image" -}}
{{- $tag := .Values.image.tag | default (ternary "3.9.1" .Chart.AppVersion (eq .Values.mode "zookeeper")) -}}
{{- include "common.image" (dict "root" . "image" (merge (dict "tag" $tag) .Values.image)) -}}
{{- end -}}

{{/* DNS names: of a Service of the release, dict root, service. */}}
{{- define "kafka.host" -}}
{{- printf "%s.%s.svc.%s" .service .root.Release.Namespace .root.Values.clusterDomain -}}
{{- end -}}

{{/* What must not change over the life of the volumes; kept as an annotation and compared on upgrade. */}}
{{- define "kafka.quorum" -}}
{{- if include "kafka.zk" . -}}
zookeeper
{{- else if include "kafka.separate" . -}}
separate-{{ .Values.controller.replicas }}
{{- else -}}
combined-{{ .Values.replicas }}
{{- end -}}
{{- end -}}

{{/* Voters are fixed names, so that a controller may change its address and come back as itself. */}}
{{- define "kafka.voters" -}}
{{- $name := include "common.fullname" . -}}
{{- $voters := list -}}
{{- if include "kafka.separate" . -}}
{{- $host := include "kafka.host" (dict "root" . "service" (printf "%s-controller" $name)) -}}
{{- range $i := until (int .Values.controller.replicas) -}}
{{- $voters = append $voters (printf "%d@%s-controller-%d.%s:9093" (add 100 $i) $name $i $host) -}}
{{- end -}}
{{- else -}}
{{- $host := include "kafka.host" (dict "root" . "service" (printf "%s-headless" $name)) -}}
{{- range $i := until (int .Values.replicas) -}}
{{- $voters = append $voters (printf "%d@%s-%d.%s:9093" $i $name $i $host) -}}
{{- end -}}
{{- end -}}
{{- join "," $voters -}}
{{- end -}}

{{/* Copies of a partition, and how many must have a record before it is acknowledged. */}}
{{- define "kafka.factor" -}}
{{- ternary 3 1 (ge (int .Values.replicas) 3) -}}
{{- end -}}
{{- define "kafka.minInSync" -}}
{{- ternary 2 1 (ge (int .Values.replicas) 3) -}}
{{- end -}}

{{- define "kafka.tlsSecret" -}}
{{- include "common.tlsSecretName" (dict "root" . "name" (printf "%s-tls" (include "common.fullname" .))) -}}
{{- end -}}
{{- define "kafka.authSecret" -}}
{{- include "common.authSecretName" (dict "root" . "name" (printf "%s-auth" (include "common.fullname" .))) -}}
{{- end -}}

{{/* A volume of the TLS Secret without what the reader does not need: dict root, key (bool: the private key as well). */}}
{{- define "kafka.tlsVolume" -}}
- name: tls
  secret:
    secretName: {{ include "kafka.tlsSecret" .root }}
    defaultMode: 0440
    items:
      - {key: ca.crt, path: ca.crt}
      {{- if .key }}
      - {key: tls.crt, path: tls.crt}
      - {key: tls.key, path: tls.key}
      {{- end }}
{{- end -}}

{{/* A volume of passwords, by user: dict root, users. */}}
{{- define "kafka.authVolume" -}}
- name: auth
  secret:
    secretName: {{ include "kafka.authSecret" .root }}
    defaultMode: 0440
    items:
      {{- range .users }}
      - {key: {{ . }}, path: {{ . }}}
      {{- end }}
{{- end -}}

{{/* Who has a password: the keys of the Secret. */}}
{{- define "kafka.users" -}}
[admin, flashmesh]
{{- end -}}
