{{/* A memory quantity in bytes. */}}
{{- define "jaeger.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{- mulf (float64 (trimSuffix $unit (toString .))) (index $units $unit) | int64 -}}
{{- end -}}

{{/* TLS of a listener, where security is on: dict root, indent. */}}
{{- define "jaeger.tls" -}}
{{- if include "common.secure" .root }}
{{- nindent .indent (include "jaeger.tlsSettings" .root) }}
{{- end }}
{{- end -}}

{{- define "jaeger.tlsSettings" -}}
tls:
  cert_file: /tls/tls.crt
  key_file: /tls/tls.key
  min_version: '1.2'
  # A renewed certificate is read without a restart.
  reload_interval: 1m
{{- end -}}

{{/* Every listener is named with its address: what is left to Jaeger listens on localhost, or is open without need. */}}
{{- define "jaeger.config" -}}
extensions:
  healthcheckv2:
    use_v2: true
    http:
      endpoint: 0.0.0.0:13133
  jaeger_storage:
    backends:
      traces:
        {{- if eq .Values.storage.type "memory" }}
        memory:
          max_traces: {{ .Values.storage.memory.maxTraces }}
        {{- else }}
        badger:
          ephemeral: false
          directories:
            keys: /data/keys
            values: /data/values
          ttl:
            spans: {{ .Values.storage.badger.ttl }}
        {{- end }}
  jaeger_query:
    storage:
      traces: traces
    # Not its own: it would send them to localhost in plain text.
    enable_tracing: false
    http:
      endpoint: 0.0.0.0:16686
      {{- include "jaeger.tls" (dict "root" . "indent" 6) }}
    grpc:
      endpoint: 0.0.0.0:16685
      {{- include "jaeger.tls" (dict "root" . "indent" 6) }}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
        {{- include "jaeger.tls" (dict "root" . "indent" 8) }}
      http:
        endpoint: 0.0.0.0:4318
        {{- include "jaeger.tls" (dict "root" . "indent" 8) }}
processors:
  # The first: refuses spans before the memory is gone. Senders try again, and drop them in the end.
  memory_limiter:
    check_interval: 1s
    limit_percentage: 80
    spike_limit_percentage: 15
  batch:
    timeout: 200ms
    send_batch_size: 1024
exporters:
  jaeger_storage_exporter:
    trace_storage: traces
service:
  extensions: [healthcheckv2, jaeger_storage, jaeger_query]
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, batch]
      exporters: [jaeger_storage_exporter]
  telemetry:
    logs:
      level: {{ .Values.logLevel }}
    metrics:
      level: normal
      readers:
        - pull:
            exporter:
              prometheus:
                host: 0.0.0.0
                port: 8888
{{- end -}}
