{{/* Egress to the cluster's DNS, UDP and TCP, also where a cache on the node answers it (which no pod selector matches). */}}
{{- define "common.egressDns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
      podSelector:
        matchLabels:
          k8s-app: kube-dns
    - ipBlock:
        cidr: 169.254.20.10/32
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{/*
Egress to the pods that serve a product, by the labels of its chart: dict name (chart), ports (list), instance (optional).
*/}}
{{- define "common.egressTo" -}}
- to:
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: {{ .name }}
          {{- with .instance }}
          app.kubernetes.io/instance: {{ . }}
          {{- end }}
  ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
{{- end -}}

{{/* Ingress of metrics scrapes, from the monitoring namespace only: dict root, port. Nothing while metrics are not monitored. */}}
{{- define "common.ingressMetrics" -}}
{{- with .root.Values.metrics.serviceMonitor }}
{{- if .enabled }}
- from:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .namespace }}
  ports:
    - {port: {{ $.port }}, protocol: TCP}
{{- end }}
{{- end }}
{{- end -}}

{{/* Scrapes for the Prometheus operator: dict root, name, component (optional), port (name), path (optional). */}}
{{- define "common.serviceMonitor" -}}
{{- with .root.Values.metrics.serviceMonitor }}
{{- if .enabled }}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  {{- include "common.metadata" $ | nindent 2 }}
    {{- with .labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "common.selectorLabels" $ | nindent 6 }}
      flashmesh.io/scrape: 'true'
  endpoints:
    - port: {{ $.port }}
      path: {{ $.path | default "/metrics" }}
      interval: {{ .interval }}
{{- end }}
{{- end }}
{{- end -}}
