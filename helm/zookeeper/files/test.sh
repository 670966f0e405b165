#!/bin/bash
# What `helm test` checks: nodes, ephemeral nodes, the ensemble, and that security refuses what it must.
. /scripts/client.sh

fail() { printf 'FAILED: %s\n' "$@" >&2; exit 1; }
expect() { # expect WHAT PATTERN TEXT
  if grep -q -- "$2" <<<"$3"; then echo "ok: $1"; else fail "$1" "$3"; fi
}

wait_until_served
node=/helm-test-$RANDOM$RANDOM
if [ -d /auth ]; then node=/flashmesh$node; fi

out=$(as flashmesh <<<"create $node first
set $node second
get $node
create -e $node/session here
get $node/session")
expect 'a node is created, changed and read' '^second$' "$out"
expect 'an ephemeral node is there while its session lives' '^here$' "$out"

forbidden=''
if [ -d /auth ]; then forbidden=$'create /kafka/helm-test no\ncreate /helm-test no'; fi
out=$(as flashmesh <<<"ls $node
delete $node
ls $node
$forbidden")
expect 'the ephemeral node went with its session' '^\[\]$' "$out"
expect 'the node is deleted' "Node does not exist: $node" "$out"
if [ -d /auth ]; then
  expect 'a user cannot write into the tree of another' 'Insufficient permission : /kafka/helm-test' "$out"
  expect 'a user cannot write into the root' 'Insufficient permission : /helm-test' "$out"
fi

if [ "$REPLICAS" = 1 ]; then expected=standalone; else expected='follower follower leader'; fi
for _ in {1..30}; do # the address of a server that was just replaced takes a moment to get around
  modes=$(for ((i = 0; i < REPLICAS; i++)); do
    srvr "${SERVERS//INDEX/$i}" "${SERVER#*:}" | sed -n 's/^Mode: //p'
  done | sort | paste -sd' ' -)
  if [ "$modes" = "$expected" ]; then break; fi
  sleep 1
done
expect "$REPLICAS server(s): $expected" "^$expected$" "$modes"

if [ -d /auth ]; then
  out=$(zk <<<'ls /')
  expect 'a session without authentication is refused' 'Session closed because client failed to authenticate' "$out"
  printf 'Client {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n  username="kafka" password="%s";\n};\n' \
    "$(sed 's/[\\"]/\\&/g' /auth/kafka)" >/tmp/jaas.conf
  node=/kafka/helm-test-$RANDOM$RANDOM
  out=$(zk -Djava.security.auth.login.config=/tmp/jaas.conf -Dzookeeper.fips-mode=false <<<"create $node by-sasl
get $node
delete $node")
  expect 'Kafka writes into its tree by SASL' '^by-sasl$' "$out"
fi
