#!/bin/bash
# Starts this pod's server and becomes it, so that signals reach the JVM.
set -euo pipefail
umask 077
run=/run/zookeeper # in memory
config=/conf/zoo.cfg

# A volume belongs to one server: under another id it would vote with a history that is not its own.
id=$((${HOSTNAME##*-} + 1))
if [ -s /data/myid ] && [ "$(</data/myid)" != "$id" ]; then
  echo "the volume holds the data of server $(</data/myid), and this is server $id" >&2
  exit 1
fi
echo "$id" >/data/myid

replace() { # replace FILE: with what comes in, at once, and only when it differs
  cat >"$run/$1.new"
  if cmp -s "$run/$1.new" "$run/$1"; then rm "$run/$1.new"; else mv "$run/$1.new" "$run/$1"; fi
}

# ZooKeeper wants key and chain in one file, the key as PKCS#8. It reloads changed files, but does not see how a mounted
# Secret changes (by a link to another folder), hence copies also of what needs no conversion.
stores() {
  local key chain ca
  key=$(openssl pkcs8 -topk8 -nocrypt -in /tls/tls.key) && chain=$(</tls/tls.crt) && ca=$(</tls/ca.crt) || return
  replace ca.pem <<<"$ca"
  replace server.pem <<<"$key"$'\n'"$chain"
}

if [ -d /tls ]; then
  stores
  while sleep 30; do stores || echo 'the new certificate cannot be read; the old one stays in use' >&2; done &

  # Secrets stay out of ConfigMap, environment and command line.
  config=$run/zoo.cfg
  digest=$(printf 'super:%s' "$(</auth/super)" | openssl dgst -sha1 -binary | base64)
  { cat /conf/zoo.cfg; echo "DigestAuthenticationProvider.superDigest=super:$digest"; } >"$config"
  quoted=$(sed 's/[\\"]/\\&/g' /auth/kafka)
  printf 'Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n  user_kafka="%s";\n};\n' "$quoted" >"$run/jaas.conf"
  export SERVER_JVMFLAGS="$SERVER_JVMFLAGS -Djava.security.auth.login.config=$run/jaas.conf"
fi

exec zkServer.sh start-foreground "$config"
