{{/*
The properties of a node that are the same on every pod: dict root, role (broker, controller). A broker of the layout
`combined` is a controller as well. What differs from pod to pod is added by start.sh.
*/}}
{{- define "kafka.properties" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $zk := include "kafka.zk" $root -}}
{{- $secure := include "common.secure" $root -}}
{{- $factor := include "kafka.factor" $root -}}
{{- $minInSync := include "kafka.minInSync" $root -}}
{{- $p := dict -}}
{{- $_ := set $p "log.dirs" "/var/lib/kafka/data/log" -}}
{{- $_ := set $p "listener.security.protocol.map" (ternary "CLIENT:SASL_SSL,REPLICATION:SSL,CONTROLLER:SSL" "CLIENT:PLAINTEXT,REPLICATION:PLAINTEXT,CONTROLLER:PLAINTEXT" (ne $secure "")) -}}
{{- $listeners := ternary (list "CONTROLLER://:9093") (list "CLIENT://:9092" "REPLICATION://:9091") (eq .role "controller") -}}
{{- if $zk -}}
{{- $_ := set $p "zookeeper.connect" $values.zookeeper.connect -}}
{{- else -}}
{{- $_ := set $p "controller.listener.names" "CONTROLLER" -}}
{{- $_ := set $p "controller.quorum.voters" (include "kafka.voters" $root) -}}
{{- if eq .role "controller" -}}
{{- $_ := set $p "process.roles" "controller" -}}
{{- else if include "kafka.separate" $root -}}
{{- $_ := set $p "process.roles" "broker" -}}
{{- else -}}
{{- $_ := set $p "process.roles" "broker,controller" -}}
{{- $listeners = append $listeners "CONTROLLER://:9093" -}}
{{- end -}}
{{- end -}}
{{- $_ := set $p "listeners" (join "," $listeners) -}}
{{- /* Topics are made by those who own them, with the partitions that they mean. */ -}}
{{- $_ := set $p "auto.create.topics.enable" false -}}
{{- /* Whoever makes the topics knows their defaults: the controllers. */ -}}
{{- if not (and (eq .role "broker") (include "kafka.separate" $root)) -}}
{{- $_ := set $p "num.partitions" $values.numPartitions -}}
{{- $_ := set $p "default.replication.factor" $factor -}}
{{- end -}}
{{- $_ := set $p "min.insync.replicas" $minInSync -}}
{{- if eq .role "broker" -}}
{{- $_ := set $p "inter.broker.listener.name" "REPLICATION" -}}
{{- $_ := set $p "offsets.topic.replication.factor" $factor -}}
{{- $_ := set $p "offsets.topic.num.partitions" $values.internalTopicPartitions -}}
{{- $_ := set $p "transaction.state.log.replication.factor" $factor -}}
{{- $_ := set $p "transaction.state.log.min.isr" $minInSync -}}
{{- $_ := set $p "transaction.state.log.num.partitions" $values.internalTopicPartitions -}}
{{- if not $zk -}}
{{- /* A quorum may form slowly on busy nodes; a broker that gives up after a minute only makes them busier. */ -}}
{{- $_ := set $p "initial.broker.registration.timeout.ms" 300000 -}}
{{- $_ := set $p "share.coordinator.state.topic.replication.factor" $factor -}}
{{- $_ := set $p "share.coordinator.state.topic.min.isr" $minInSync -}}
{{- $_ := set $p "share.coordinator.state.topic.num.partitions" $values.internalTopicPartitions -}}
{{- end -}}
{{- /* The apps use sessions of 6 s, so that a dead member is noticed soon. */ -}}
{{- $_ := set $p "group.min.session.timeout.ms" 1000 -}}
{{- $_ := set $p "group.initial.rebalance.delay.ms" (ternary 0 1000 (eq (int $values.replicas) 1)) -}}
{{- $_ := set $p "log.retention.hours" $values.log.retentionHours -}}
{{- $_ := set $p "log.retention.bytes" (int64 $values.log.retentionBytes) -}}
{{- $_ := set $p "log.segment.bytes" (int64 $values.log.segmentBytes) -}}
{{- /* The default is 128 MiB, more than a third of a small heap. */ -}}
{{- $_ := set $p "log.cleaner.dedupe.buffer.size" 16777216 -}}
{{- end -}}
{{- if $secure -}}
{{- $_ := set $p "authorizer.class.name" "org.apache.kafka.metadata.authorizer.StandardAuthorizer" -}}
{{- $_ := set $p "allow.everyone.if.no.acl.found" false -}}
{{- $_ := set $p "ssl.keystore.type" "PEM" -}}
{{- $_ := set $p "ssl.keystore.location" "/tmp/keystore.pem" -}}
{{- $_ := set $p "ssl.truststore.type" "PEM" -}}
{{- $_ := set $p "ssl.truststore.location" "/tls/ca.crt" -}}
{{- $_ := set $p "listener.name.controller.ssl.client.auth" "required" -}}
{{- if eq .role "broker" -}}
{{- $_ := set $p "listener.name.replication.ssl.client.auth" "required" -}}
{{- $_ := set $p "listener.name.client.ssl.client.auth" "none" -}}
{{- $_ := set $p "listener.name.client.sasl.enabled.mechanisms" "SCRAM-SHA-512" -}}
{{- $_ := set $p "listener.name.client.scram-sha-512.sasl.jaas.config" "org.apache.kafka.common.security.scram.ScramLoginModule required;" -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $values.extraConfig -}}
{{- $_ := set $p $key $value -}}
{{- end -}}
{{- range $key, $value := $p }}
{{ $key }}={{ if kindIs "float64" $value }}{{ int64 $value }}{{ else }}{{ $value }}{{ end }}
{{- end -}}
{{- end -}}

{{/* What a pod of a role mounts at /config: dict root, role. */}}
{{- define "kafka.config" -}}
{{- $root := .root -}}
{{- $values := .root.Values -}}
{{- $broker := eq .role "broker" -}}
{{- $zk := include "kafka.zk" $root -}}
{{- $secure := include "common.secure" $root -}}
{{- $voter := and (not $zk) (or (not $broker) (not (include "kafka.separate" $root))) -}}
{{- $service := printf "%s-%s" (include "common.fullname" $root) (ternary "headless" "controller" $broker) -}}
{{- $renewed := has (include "common.securityMode" $root) (list "cert-manager" "existing") -}}
{{- $heap := ternary $values.heap $values.controller.heap $broker -}}
server.properties: |
  {{- include "kafka.properties" . | trim | nindent 2 }}
start.sh: |
  # Starts one node: writes its properties, formats its volume on first use, and becomes the server.
  set -euo pipefail
  umask 077
  properties=/tmp/server.properties
  volume=/var/lib/kafka/data/log/meta.properties
  id=$((${HOSTNAME##*-} + {{ ternary 0 100 $broker }}))
  host=$HOSTNAME.{{ include "kafka.host" (dict "root" $root "service" $service) }}
  {
    cat /config/server.properties
    echo "{{ ternary "broker.id" "node.id" (ne $zk "") }}=$id"
    {{- if $broker }}
    echo "advertised.listeners=CLIENT://$host:9092,REPLICATION://$host:9091"
    {{- end }}
  } > $properties
  {{- if $secure }}

  # Kafka reads private keys as PKCS#8 only; Helm makes PKCS#1.
  { openssl pkcs8 -topk8 -nocrypt -in /tls/tls.key; cat /tls/tls.crt; } > /tmp/keystore.pem
  # Brokers and controllers are whoever holds this very certificate's name, not whoever the CA has signed.
  subject=$(openssl x509 -in /tls/tls.crt -noout -subject -nameopt RFC2253)
  subject=${subject#subject=}
  [ -n "${subject// /}" ] || { echo 'the certificate in tls.crt needs a subject: nodes know each other by it' >&2; exit 1; }
  echo "super.users=User:admin;User:${subject//\\/\\\\}" >> $properties
  {{- end }}
  {{- if $broker }}

  # For in-sync.sh, and for tools that are run in this pod.
  {{- if $secure }}
  { echo security.protocol=SSL; grep '^ssl\.' /config/server.properties; } > /tmp/replication.properties
  {{- else }}
  echo security.protocol=PLAINTEXT > /tmp/replication.properties
  {{- end }}
  {{- end }}

  # Set here and not in the pod's environment, where tools that are run in the pod would take them up as well.
  export LOG_DIR=/tmp/logs
  export KAFKA_JVM_PERFORMANCE_OPTS='{{ $values.jvmFlags }}'
  export KAFKA_LOG4J_OPTS=-Dlog4j{{ ternary ".configuration=file:/config/log4j.properties" "2.configurationFile=/config/log4j2.properties" (ne $zk "") }}
  {{- if not $zk }}

  if [ -f $volume ]; then
    found=$(sed -n 's/^cluster\.id=//p' $volume)
    [ "$found" = {{ $values.clusterId | quote }} ] || { echo "the volume belongs to cluster $found, clusterId is {{ $values.clusterId }}" >&2; exit 1; }
  else
    {{- /* One argument a line: passwords in a file of this user, not in the argument list. An id may begin with a dash. */}}
    {
      printf '%s\n' format -g -t={{ $values.clusterId }} -c=$properties
      {{- if and $secure $voter }}
      for user in admin flashmesh; do
        password=$(cat /auth/$user)
        [[ $password =~ ^[A-Za-z0-9._~+/=-]{8,}$ ]] || { echo "the password of $user needs 8 or more letters, digits or ._~+/=-" >&2; exit 1; }
        echo "--add-scram=SCRAM-SHA-512=[name=$user,password=$password]"
      done
      {{- end }}
    } > /tmp/format.args
    {{- /* It tells the SCRAM keys it has made. */}}
    KAFKA_HEAP_OPTS=-Xmx96m /opt/kafka/bin/kafka-storage.sh @/tmp/format.args | grep -v '^Bootstrap metadata'
    rm /tmp/format.args
  fi
  {{- end }}

  {{- if $renewed }}

  # Becomes a child of the server, which it ends when the certificate was renewed.
  bash /config/renew.sh {{ int $values.security.renewalGapSeconds }} &
  {{- end }}

  export KAFKA_HEAP_OPTS='-Xms{{ $heap.initial }} -Xmx{{ $heap.max }}'
  # A pod that was replaced has a new address; Java remembers the old one, or that there is none, for too long.
  export KAFKA_OPTS=-Djava.security.properties=/config/java.security
  # No garbage collection log, which would fill a file.
  export EXTRA_ARGS='-name kafkaServer'
  exec /opt/kafka/bin/kafka-server-start.sh $properties
{{- if $renewed }}
renew.sh: |
  {{- $root.Files.Get "files/renew.sh" | nindent 2 }}
{{- end }}
{{- if and $broker (gt (int (include "kafka.minInSync" $root)) 1) (gt (int $values.inSyncWaitSeconds) 0) }}
in-sync.sh: |
  # Runs before a broker stops: waits for the broker that was restarted before this one to hold every record again, so
  # that a roll never leaves a partition with one replica in sync. Gives up in time, with the code that it is given or 0: a
  # stop by the kubelet is never refused.
  end=$((SECONDS + {{ $values.inSyncWaitSeconds }}))
  export KAFKA_HEAP_OPTS=-Xmx48m KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1' LOG_DIR=/tmp/logs
  host=$HOSTNAME.{{ include "kafka.host" (dict "root" $root "service" $service) }}
  while [ $SECONDS -lt $end ]; do
    behind=$(timeout $((end - SECONDS)) /opt/kafka/bin/kafka-topics.sh --bootstrap-server "$host:9091" \
      --command-config /tmp/replication.properties --describe --under-replicated-partitions 2>/dev/null) || exit 0
    [ -n "$behind" ] || exit 0
    sleep 1
  done
  exit "${1:-0}"
{{- end }}
java.security: |
  networkaddress.cache.ttl=5
  networkaddress.cache.negative.ttl=1
{{- if $zk }}
log4j.properties: |
  log4j.rootLogger={{ $values.logLevel }}, console
  log4j.appender.console=org.apache.log4j.ConsoleAppender
  log4j.appender.console.layout=org.apache.log4j.PatternLayout
  log4j.appender.console.layout.ConversionPattern=%d %p %m (%c{1})%n
{{- else }}
log4j2.properties: |
  rootLogger.level={{ $values.logLevel }}
  rootLogger.appenderRef.console.ref=console
  appender.console.type=Console
  appender.console.name=console
  appender.console.layout.type=PatternLayout
  appender.console.layout.pattern=%d %p %m (%c{1})%n
{{- end }}
{{- end -}}
