#!/bin/sh
# `helm test`: each shard does for the user of the apps what these do, and nothing for anyone else.
set -eu
. /scripts/lib.sh

# is WANTED WHAT COMMAND...
is() {
  wanted=$1 what=$2
  shift 2
  got=$("$@" 2>&1) || true
  case $got in
    $wanted) say "ok: $what" ;;
    *) say "FAILED: $what: $got" && exit 1 ;;
  esac
}

# A new pod may have to wait for the network policies to know it.
await() {
  tries=0
  until [ -n "$(cli flashmesh "$1" "$2" ping 2>/dev/null)" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || { say "FAILED: nothing answers at $1:$2" && exit 1; }
    sleep 1
  done
}

shard=0
while [ "$shard" -lt "$SHARDS" ]; do
  if [ "$REPLICAS" != 0 ]; then
    await "$SENTINEL" 26379
    master=$(cli flashmesh "$SENTINEL" 26379 sentinel get-master-addr-by-name "shard-$shard" | head -n 1)
    is "$NAME-shard-$shard-*.$DOMAIN" "a sentinel names the master of shard $shard" echo "$master"
    is 3 'the sentinels know each other' sh -c '. /scripts/lib.sh
      echo $(($(cli flashmesh "$SENTINEL" 26379 sentinel sentinels "$0" | grep -c ^runid) + 1))' "shard-$shard"
  elif [ "$SHARDS" = 1 ]; then
    master=$NAME
  else
    master=$NAME-shard-$shard
  fi
  await "$master" 6379
  key=flashmesh:helm-test
  is OK "SET on $master" cli flashmesh "$master" 6379 set $key "$HOSTNAME" ex 60
  is "$HOSTNAME" 'GET' cli flashmesh "$master" 6379 get $key
  is "$HOSTNAME" 'EVAL' cli flashmesh "$master" 6379 eval 'return redis.call("GET", KEYS[1])' 1 $key
  is 1 'DEL' cli flashmesh "$master" 6379 del $key
  if [ "$SECURE" = true ]; then
    is 'NOPERM*' 'FLUSHALL is denied to the apps' cli flashmesh "$master" 6379 flushall
    is 'NOAUTH*' 'nobody gets in without a password' timeout 2 redis-cli --tls --cacert /tls/ca.crt \
      --cert /tls/tls.crt --key /tls/tls.key -h "$master" get $key
    is '*' 'no plain text' timeout 2 redis-cli -h "$master" ping
    [ "$got" != PONG ] || { say 'FAILED: it answers in plain text' && exit 1; }
  fi
  shard=$((shard + 1))
done
