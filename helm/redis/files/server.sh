#!/bin/sh
# Starts a server of a shard. With replicas it finds out first whom it follows.
set -eu
umask 077
. /scripts/lib.sh
me=$HOSTNAME.$DOMAIN

# Since an append-only file is made at the first start, a volume without one has never been used.
unused() { [ ! -d /data/appendonlydir ]; }

# Two masters are worse than none for a while, so: the sentinels decide. Without their word only the first pod of a shard that
# has never run may be the master, or the one that ran alone until now. Prints whom to follow; nothing: be the master.
find_master() {
  since=
  while :; do
    if [ -e /data/become-master ]; then # by hand, after all sentinels lost their volumes
      rm /data/become-master
      return
    fi
    master=$(master_of "$SHARD")
    if [ -n "$master" ] && [ "$master" != "$me" ]; then
      echo "$master"
      return
    elif [ -n "$master" ] && unused; then
      say 'the sentinels call me the master, but my volume is empty: the replicas would lose all. They must fail over first.'
    elif [ -n "$master" ]; then
      # Already held down: a failover may be under way. When it does not come in time, no replica is fit for it.
      ask_sentinels sentinel master "shard-$SHARD" | grep -q '_down' || return 0
      : "${since:=$(date +%s)}"
      [ $(($(date +%s) - since)) -lt "$PATIENCE" ] || return 0
      say 'the sentinels hold me down: waiting for their failover'
    elif [ "${HOSTNAME##*-}" != 0 ]; then
      say 'no two sentinels name a master: waiting for them'
    elif ! unused && [ ! -e /data/alone ]; then
      say 'there is data, and no two sentinels name its master: waiting for them'
    elif ask_sentinels sentinel get-master-addr-by-name "shard-$SHARD" | grep -qF ".$DOMAIN"; then
      say 'one sentinel alone names a master: waiting for another'
    elif any_other_server; then
      say 'another server of the shard runs, and no two sentinels name a master: waiting for them'
    else
      say 'the first server of an empty shard: the master'
      return
    fi
    sleep 1
  done
}

any_other_server() {
  for host in $(servers_of "$SHARD"); do
    [ "$host" = "$me" ] || [ -z "$(cli sentinel "$host" 6379 ping 2>/dev/null)" ] || return 0
  done
  return 1
}

cp /config/redis.conf /conf/redis.conf
if [ "$SECURE" = true ]; then
  write_users /conf/users.acl
  printf 'masteruser replica\nmasterauth %s\n' "$(cat /auth/replica)" >>/conf/redis.conf
  reload() { cli admin localhost 6379 config set tls-cert-file /tls/tls.crt tls-ca-cert-file /tls/ca.crt; }
  [ "$RENEWED" != true ] || on_new_certificate reload
fi
if [ "$REPLICAS" = 0 ]; then
  touch /data/alone
else
  follow=$(find_master)
  rm -f /data/alone
  printf 'replica-announce-ip %s\nreplica-announce-port 6379\n' "$me" >>/conf/redis.conf
  [ -z "$follow" ] || printf 'replicaof %s 6379\n' "$follow" >>/conf/redis.conf
  say "shard $SHARD follows ${follow:-nobody: the master}"
fi
exec redis-server /conf/redis.conf
