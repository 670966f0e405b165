{{/* The pod that runs a script of the tools: dict root, script. */}}
{{- define "kafka.toolPod" -}}
{{- $secure := include "common.secure" .root -}}
{{- include "common.podSpec" (dict "root" .root "uid" 1000 "gid" 1000 "scheduling" false) }}
restartPolicy: {{ .restartPolicy | default "Never" }}
containers:
  - name: {{ .script }}
    image: {{ include "kafka.image" .root }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    command: [bash, /tools/{{ .script }}.sh]
    securityContext:
      {{- include "common.containerSecurityContext" . | nindent 6 }}
    resources:
      requests: {cpu: 50m, memory: 192Mi}
      limits: {memory: 192Mi}
    volumeMounts:
      - {name: tools, mountPath: /tools, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- if $secure }}
      - {name: tls, mountPath: /tls, readOnly: true}
      - {name: auth, mountPath: /auth, readOnly: true}
      {{- end }}
volumes:
  - name: tools
    configMap:
      name: {{ include "common.fullname" .root }}-tools
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- if $secure }}
  {{- include "kafka.tlsVolume" (dict "root" .root "key" false) | nindent 2 }}
  {{- include "kafka.authVolume" (dict "root" .root "users" (list "admin" "flashmesh")) | nindent 2 }}
  {{- end }}
{{- end -}}
