{{/* The beginning of a short-lived pod of ours: dict root. */}}
{{- define "flashmesh.jobPod" -}}
{{- $account := ternary (printf "%s-jobs" (include "common.fullname" .root)) "default" .root.Values.serviceAccount.create -}}
restartPolicy: Never
{{ include "common.podSpec" (dict "root" .root "uid" 1000 "gid" 1000 "serviceAccountName" $account "scheduling" false) }}
volumes:
  {{- include "flashmesh.volumes" (dict "root" .root "kafkaOnly" true) | nindent 2 }}
{{- end -}}

{{- define "flashmesh.jobLabels" -}}
{{ include "common.selectorLabels" (dict "root" . "component" "jobs") }}
kafka-client: 'true'
flashmesh-gateway-client: 'true'
{{- end -}}

{{/* A container that runs one command of an app: dict root, name, app, args, env (map, optional), admin (bool). */}}
{{- define "flashmesh.jobContainer" -}}
- name: {{ .name }}
  image: {{ include "flashmesh.image" (dict "root" .root "app" .app) }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  args:
    {{- toYaml .args | nindent 4 }}
  env:
    - name: POD_UID
      valueFrom:
        fieldRef: {fieldPath: metadata.uid}
    {{- if .admin }}
    - name: ADMIN_TOKEN
      valueFrom:
        secretKeyRef: {name: {{ include "flashmesh.gatewaySecret" .root }}, key: ADMIN_TOKEN}
    {{- end }}
    {{- include "flashmesh.envList" (include "flashmesh.kafkaEnv" .root | fromYaml) | nindent 4 }}
  securityContext:
    {{- include "common.containerSecurityContext" .root | nindent 4 }}
  resources:
    {{- toYaml (ternary .root.Values.rush.resources .root.Values.jobs.resources (eq .app "rush")) | nindent 4 }}
  volumeMounts:
    {{- include "flashmesh.volumeMounts" (dict "root" .root "kafkaOnly" true) | nindent 4 }}
{{- end -}}

{{/*
Opens a sale of its own, lets buyers rush at it, and verifies afterwards from the outside that no rule was broken: the
containers of a pod, one after the other. dict root, buyers, stock, rate, maxFailed.
*/}}
{{- define "flashmesh.rushContainers" -}}
{{- $sale := list "--gateway" (include "flashmesh.gatewayUrl" .root) "--sale" "rush-$(POD_UID)" "--sku" "sku-$(POD_UID)" }}
initContainers:
  {{- include "flashmesh.jobContainer" (dict "root" .root "name" "sale" "app" "setup" "admin" true "args" (concat (list "sale" "--stock" (toString .stock)) $sale)) | nindent 2 }}
  {{- include "flashmesh.jobContainer" (dict "root" .root "name" "run" "app" "rush" "args" (concat (list "run" "--buyers" (toString .buyers) "--rate" (toString .rate) "--max-failed" (toString .maxFailed) "--out" "/tmp/accepted.jsonl") $sale)) | nindent 2 }}
containers:
  {{- include "flashmesh.jobContainer" (dict "root" .root "name" "verify" "app" "rush" "args" (list "verify" "--brokers" .root.Values.kafka.brokers "--accepted" "/tmp/accepted.jsonl" "--gateway" (include "flashmesh.gatewayUrl" .root) "--wait" "120")) | nindent 2 }}
{{- end -}}

{{/*
A Job that runs one command of `setup`: dict root, name, args, admin (bool). A Job cannot be changed, so its name goes by what it
does: a new one runs when that changes.
*/}}
{{- define "flashmesh.job" -}}
{{- $container := include "flashmesh.jobContainer" (dict "root" .root "name" .name "app" "setup" "args" .args "admin" .admin) -}}
{{- $pod := include "flashmesh.jobPod" (dict "root" .root) -}}
{{- $mark := sha256sum (printf "%s%s" $container $pod) | trunc 8 -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "common.metadata" (dict "root" .root "name" (printf "%s-%s-%s" (include "common.fullname" .root) .name $mark) "component" "jobs") | nindent 2 }}
spec:
  backoffLimit: 6
  activeDeadlineSeconds: 600
  template:
    metadata:
      labels:
        {{- include "flashmesh.jobLabels" .root | nindent 8 }}
    spec:
      {{- $pod | nindent 6 }}
      containers:
        {{- $container | nindent 8 }}
{{- end -}}
