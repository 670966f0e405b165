#!/bin/bash
# Kafka reads its certificate when it starts, and at no other time. This runs beside a server: when the mounted certificate was
# renewed, it ends the server in order, and the kubelet starts the container again in its place, which takes up the new one.
#   renew.sh SECONDS   from one pod's turn to the next one's
set -euo pipefail
gap=$1
keystore=/tmp/keystore.pem # key and certificate that the server runs with (start.sh)
said=

say() { # once, as long as nothing else is said
  [ "$*" = "$said" ] || echo "$*" >&2
  said=$*
}

loaded() { # whether the mounted certificate is the server's
  cmp -s /tls/tls.crt <(tail -c "$(wc -c </tls/tls.crt)" $keystore)
}

subject() { openssl x509 -in "$1" -noout -subject; }

# A server that cannot start with the new one would be missed by all: those after it would end too, one by one.
usable() {
  local certified key
  certified=$(openssl x509 -in /tls/tls.crt -noout -pubkey) && key=$(openssl pkey -in /tls/tls.key -pubout) || return
  [ "$certified" = "$key" ] && [ "$(subject /tls/tls.crt)" = "$(subject $keystore)" ]
}

while sleep 30; do
  if loaded; then continue; fi
  if ! usable; then
    say 'the certificate was renewed, but its key or its subject does not fit: the old one stays in use'
    continue
  fi
  wait=$((${HOSTNAME##*-} * gap))
  say "the certificate was renewed: the server starts again with it in $wait s"
  sleep $wait
  # Nobody forces this stop, so it waits as long as it takes until no partition would be left with too few copies.
  if [ -f /config/in-sync.sh ]; then
    until bash /config/in-sync.sh 1; do say 'some partition is not in sync yet: waiting with the restart'; done
  fi
  kill -TERM $PPID
  exit
done
