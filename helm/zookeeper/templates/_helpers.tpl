{{- define "zookeeper.headless" -}}
{{ include "common.fullname" . }}-headless
{{- end -}}

{{- define "zookeeper.clientPort" -}}
{{ ternary 2281 2181 (eq (include "common.secure" .) "true") }}
{{- end -}}

{{/* DNS name of a server: dict root, index (a number, or a word that a script replaces by one). */}}
{{- define "zookeeper.server" -}}
{{- printf "%s-%v.%s.%s.svc.%s" (include "common.fullname" .root) .index (include "zookeeper.headless" .root) .root.Release.Namespace .root.Values.clusterDomain -}}
{{- end -}}

{{- define "zookeeper.tlsSecret" -}}
{{- include "common.tlsSecretName" (dict "root" . "name" (printf "%s-tls" (include "common.fullname" .))) -}}
{{- end -}}

{{- define "zookeeper.authSecret" -}}
{{- include "common.authSecretName" (dict "root" . "name" (printf "%s-auth" (include "common.fullname" .))) -}}
{{- end -}}

{{/* The logging of servers, and of clients, which speak up only when something is wrong: dict root, level. */}}
{{- define "zookeeper.logback" -}}
{{- .root.Files.Get "files/logback.xml" | replace "LEVEL" .level -}}
{{- end -}}

{{/* A pod that runs one of the client's scripts: dict root, component, script. */}}
{{- define "zookeeper.clientPod" -}}
{{- $fullname := include "common.fullname" .root -}}
{{ include "common.podSpec" (dict "root" .root "uid" 1000 "gid" 1000 "scheduling" false) }}
restartPolicy: Never
containers:
  - name: {{ .component }}
    image: {{ include "common.image" (dict "root" .root "image" .root.Values.image) }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    securityContext:
      {{- include "common.containerSecurityContext" . | nindent 6 }}
    command: [bash, /scripts/{{ .script }}]
    env:
      - {name: SERVER, value: '{{ $fullname }}:{{ include "zookeeper.clientPort" .root }}'}
      - {name: SERVERS, value: {{ include "zookeeper.server" (dict "root" .root "index" "INDEX") }}}
      - {name: REPLICAS, value: {{ .root.Values.replicas | quote }}}
    resources:
      requests: {cpu: 10m, memory: 128Mi}
      limits: {memory: 128Mi}
    volumeMounts:
      - {name: scripts, mountPath: /scripts, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- if include "common.secure" .root }}
      - {name: tls, mountPath: /tls, readOnly: true}
      - {name: auth, mountPath: /auth, readOnly: true}
      {{- end }}
volumes:
  - name: scripts
    configMap:
      name: {{ $fullname }}-client
  - name: tmp
    emptyDir: {sizeLimit: 16Mi}
  {{- if include "common.secure" .root }}
  - name: tls
    secret:
      secretName: {{ include "zookeeper.tlsSecret" .root }}
      items: [{key: ca.crt, path: ca.crt}]
  - name: auth
    secret:
      secretName: {{ include "zookeeper.authSecret" .root }}
  {{- end }}
{{- end -}}

{{/* Who has a password: the keys of the Secret. */}}
{{- define "zookeeper.users" -}}
[super, flashmesh, kafka]
{{- end -}}
