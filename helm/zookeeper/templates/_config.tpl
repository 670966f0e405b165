{{- define "zookeeper.zoo.cfg" -}}
{{- $secure := include "common.secure" . -}}
dataDir=/data
dataLogDir=/datalog
tickTime={{ int .Values.tickTimeMs }}
initLimit={{ int .Values.initLimit }}
syncLimit={{ int .Values.syncLimit }}
minSessionTimeout={{ int .Values.minSessionTimeoutMs }}
maxSessionTimeout={{ int .Values.maxSessionTimeoutMs }}
maxClientCnxns={{ int .Values.maxClientCnxns }}
autopurge.snapRetainCount={{ int .Values.autopurge.retainCount }}
autopurge.purgeInterval={{ int .Values.autopurge.intervalHours }}
extendedTypesEnabled=true
reconfigEnabled=false
admin.enableServer=false
4lw.commands.whitelist=srvr, ruok, mntr
# For ever: the name of a pod may resolve later than its server starts.
electionPortBindRetry=0

clientPort=2181
{{- if $secure }}
# Plain text for the probes inside the pod only.
clientPortAddress=127.0.0.1
secureClientPort=2281
serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory
client.certReload=true
ssl.clientAuth=none
ssl.keyStore.location=/run/zookeeper/server.pem
ssl.keyStore.type=PEM
ssl.trustStore.location=/run/zookeeper/ca.pem
ssl.trustStore.type=PEM

# No request but authentication is answered before the session has authenticated itself.
enforce.auth.enabled=true
enforce.auth.schemes=digest,sasl
authProvider.sasl=org.apache.zookeeper.server.auth.SASLAuthenticationProvider
# With it on, the names of peers are not checked, and there is no DIGEST-MD5 for Kafka's SASL.
fips-mode=false
{{- end }}
{{- if gt (int .Values.replicas) 1 }}

{{- range $index := until (int .Values.replicas) }}
server.{{ add1 $index }}={{ include "zookeeper.server" (dict "root" $ "index" $index) }}:2888:3888
{{- end }}
{{- if $secure }}
sslQuorum=true
sslQuorumReloadCertFiles=true
ssl.quorum.clientAuth=need
ssl.quorum.hostnameVerification=true
ssl.quorum.clientHostnameVerification={{ .Values.security.verifyDialingPeers }}
ssl.quorum.keyStore.location=/run/zookeeper/server.pem
ssl.quorum.keyStore.type=PEM
ssl.quorum.trustStore.location=/run/zookeeper/ca.pem
ssl.quorum.trustStore.type=PEM
{{- end }}
{{- end }}
{{- if .Values.metrics.serviceMonitor.enabled }}

metricsProvider.className=org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider
metricsProvider.httpPort=7000
metricsProvider.exportJvmInfo=true
{{- end }}
{{- end -}}

{{/* What a server reads at its start; a change restarts it. */}}
{{- define "zookeeper.config" -}}
zoo.cfg: |
  {{- include "zookeeper.zoo.cfg" . | nindent 2 }}
  {{- range $key, $value := .Values.extraConfig }}
  {{- /* A number is a float here: 1000000 would become 1e+06. */}}
  {{ $key }}={{ if kindIs "string" $value }}{{ $value }}{{ else }}{{ toJson $value }}{{ end }}
  {{- end }}
logback.xml: |
  {{- include "zookeeper.logback" (dict "root" . "level" .Values.logLevel) | nindent 2 }}
start.sh: |
  {{- .Files.Get "files/start.sh" | nindent 2 }}
{{- end -}}
