{{/* The StatefulSet of a role, its ConfigMap and its budget: dict root, role (broker, controller). */}}
{{- define "kafka.nodes" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $broker := eq .role "broker" -}}
{{- $secure := include "common.secure" $root -}}
{{- $separate := include "kafka.separate" $root -}}
{{- $zk := include "kafka.zk" $root -}}
{{- $fullname := include "common.fullname" $root -}}
{{- $name := ternary $fullname (printf "%s-controller" $fullname) $broker -}}
{{- $replicas := ternary $values.replicas $values.controller.replicas $broker -}}
{{- $port := ternary 9092 9093 $broker -}}
{{- $voter := and (not $zk) (or (not $broker) (not $separate)) -}}
{{- $waits := and $broker (gt (int (include "kafka.minInSync" $root)) 1) (gt (int $values.inSyncWaitSeconds) 0) -}}
{{- $config := include "kafka.config" . -}}
{{- $metadata := dict "root" $root "name" $name "component" .role -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "common.metadata" $metadata | nindent 2 }}
data:
  {{- $config | nindent 2 }}
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  {{- include "common.metadata" $metadata | nindent 2 }}
  annotations:
    flashmesh.io/quorum: {{ include "kafka.quorum" $root }}
    {{- if not $zk }}
    flashmesh.io/cluster-id: {{ $values.clusterId | quote }}
    flashmesh.io/secure: {{ ne $secure "" | quote }}
    {{- end }}
spec:
  replicas: {{ $replicas }}
  serviceName: {{ ternary (printf "%s-headless" $fullname) $name $broker }}
  # All at once: a quorum forms of pods that start together, and a pod that never becomes ready can still be replaced.
  podManagementPolicy: Parallel
  minReadySeconds: {{ $values.minReadySeconds }}
  persistentVolumeClaimRetentionPolicy:
    whenDeleted: Retain
    whenScaled: Retain
  selector:
    matchLabels:
      {{- include "common.selectorLabels" $metadata | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "common.labels" $metadata | nindent 8 }}
        {{- if $zk }}
        zookeeper-client: 'true'
        {{- end }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ sha256sum $config }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "common.podSpec" (dict "root" $root "uid" 1000 "gid" 1000 "component" .role) | nindent 6 }}
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
      containers:
        - name: kafka
          image: {{ include "kafka.image" $root }}
          imagePullPolicy: {{ $values.image.pullPolicy }}
          command: [bash, /config/start.sh]
          securityContext:
            {{- include "common.containerSecurityContext" . | nindent 12 }}
          ports:
            {{- if $broker }}
            - {name: client, containerPort: 9092}
            - {name: replication, containerPort: 9091}
            {{- end }}
            {{- if $voter }}
            - {name: controller, containerPort: 9093}
            {{- end }}
          {{- if $waits }}
          lifecycle:
            preStop:
              exec:
                command: [bash, /config/in-sync.sh]
          {{- end }}
          # The port opens when logs are recovered and the metadata is caught up with.
          startupProbe:
            tcpSocket: {port: {{ $port }}}
            periodSeconds: 1
            failureThreshold: {{ $values.startupTimeoutSeconds }}
          readinessProbe:
            tcpSocket: {port: {{ $port }}}
            periodSeconds: 5
          livenessProbe:
            tcpSocket: {port: {{ $port }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          resources:
            {{- toYaml (ternary $values.resources $values.controller.resources $broker) | nindent 12 }}
          volumeMounts:
            - {name: data, mountPath: /var/lib/kafka/data}
            - {name: config, mountPath: /config, readOnly: true}
            - {name: tmp, mountPath: /tmp}
            {{- if $secure }}
            - {name: tls, mountPath: /tls, readOnly: true}
            {{- if $voter }}
            - {name: auth, mountPath: /auth, readOnly: true}
            {{- end }}
            {{- end }}
      volumes:
        - name: config
          configMap:
            name: {{ $name }}
        # Compression libraries are unpacked and run here.
        - name: tmp
          emptyDir:
            sizeLimit: 256Mi
        {{- if $secure }}
        {{- include "kafka.tlsVolume" (dict "root" $root "key" true) | nindent 8 }}
        {{- if $voter }}
        {{- include "kafka.authVolume" (dict "root" $root "users" (list "admin" "flashmesh")) | nindent 8 }}
        {{- end }}
        {{- end }}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: data
        # Only labels that never change: nothing here can be changed later.
        labels:
          {{- include "common.selectorLabels" $metadata | nindent 10 }}
      spec:
        accessModes: [ReadWriteOnce]
        {{- with $values.persistence.storageClass }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ ternary $values.persistence.size $values.controller.persistence.size $broker }}
---
{{ include "common.podDisruptionBudget" (merge (dict "replicas" $replicas) $metadata) }}
{{- end -}}
