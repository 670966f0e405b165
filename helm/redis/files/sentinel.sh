#!/bin/sh
# Starts a sentinel. What it learned is kept; what the chart says is written anew at each start.
set -eu
umask 077
. /scripts/lib.sh
conf=/data/sentinel.conf
learned=$(grep -E '^sentinel (myid|current-epoch|monitor|config-epoch|leader-epoch|known-replica|known-sentinel) ' $conf 2>/dev/null || true)

# running_master SHARD: the one server that says that it is the master.
running_master() {
  masters=$(for host in $(servers_of "$1"); do
    [ "$(cli sentinel "$host" 6379 role 2>/dev/null | head -n 1)" != master ] || echo "$host"
  done)
  [ "$(echo "$masters" | wc -w)" = 1 ] && echo "$masters"
}

# The master of a shard: as remembered, else as the other sentinels say, else as it says itself. Never as guessed.
shard=0
monitors=
while [ "$shard" -lt "$SHARDS" ]; do
  host=$(echo "$learned" | sed -n "s/^sentinel monitor shard-$shard \([^ ]*\) .*/\1/p")
  until [ -n "$host" ]; do
    host=$(master_of "$shard")
    [ -n "$host" ] || host=$(running_master "$shard") || {
      say "shard $shard has no master yet"
      sleep 1
    }
  done
  say "shard $shard: master $host"
  monitors="$monitors
sentinel monitor shard-$shard $host 6379 2
sentinel down-after-milliseconds shard-$shard $DOWN_AFTER
sentinel failover-timeout shard-$shard $FAILOVER_TIMEOUT
sentinel parallel-syncs shard-$shard 1"
  [ "$SECURE" != true ] || monitors="$monitors
sentinel auth-user shard-$shard sentinel
sentinel auth-pass shard-$shard $(cat /auth/sentinel)"
  # What was learned about a shard comes after its monitor line.
  monitors="$monitors
$(echo "$learned" | grep -E "^sentinel (config-epoch|leader-epoch|known-replica|known-sentinel) shard-$shard " || true)"
  shard=$((shard + 1))
done

{
  cat /config/sentinel.conf
  echo "sentinel announce-ip $HOSTNAME.$SENTINEL_DOMAIN"
  echo "$learned" | grep -E '^sentinel (myid|current-epoch) ' || true
  [ "$SECURE" != true ] || printf 'sentinel sentinel-user sentinel\nsentinel sentinel-pass %s\n' "$(cat /auth/sentinel)"
  echo "$monitors"
} >$conf.new
mv $conf.new $conf
if [ "$SECURE" = true ]; then
  write_users /conf/users.acl
  # A sentinel cannot load a certificate while it runs.
  [ "$RENEWED" != true ] || on_new_certificate kill 1
fi
exec redis-server $conf --sentinel
