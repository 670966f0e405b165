{{/*
What the spec of every pod begins with, under Pod Security `restricted`:
dict root, uid, gid, component (optional), serviceAccountName (optional), scheduling (optional, default true).
`scheduling: false` is for short-lived pods (jobs, tests), which go wherever there is room.
*/}}
{{- define "common.podSpec" -}}
{{- $values := .root.Values -}}
serviceAccountName: {{ .serviceAccountName | default (include "common.serviceAccountName" .root) }}
automountServiceAccountToken: false
# A Service named like the product would put KAFKA_PORT=tcp://... and its like into the environment.
enableServiceLinks: false
{{- with $values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .uid }}
  runAsGroup: {{ .gid }}
  fsGroup: {{ .gid }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if ne .scheduling false }}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $values.topologySpread.enabled }}
topologySpreadConstraints:
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ ternary $values.topologySpread.whenUnsatisfiable "ScheduleAnyway" (eq $key "kubernetes.io/hostname") }}
    labelSelector:
      matchLabels:
        {{- include "common.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "common.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/*
A budget that lets nodes be drained one pod at a time, also when a pod is broken anyway:
dict root, name, component (optional), replicas. Nothing for a single pod: it would block every drain.
*/}}
{{- define "common.podDisruptionBudget" -}}
{{- if and .root.Values.podDisruptionBudget.enabled (gt (int .replicas) 1) }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "common.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "common.selectorLabels" . | nindent 6 }}
{{- end }}
{{- end -}}
