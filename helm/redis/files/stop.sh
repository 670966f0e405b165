#!/bin/sh
# Before a server is stopped: a master hands over, so that nobody waits for the sentinels to miss it and no write is lost.
set -eu
. /scripts/lib.sh
me=$HOSTNAME.$DOMAIN
role() { cli admin localhost 6379 role | head -n 1; }
# What a preStop hook prints is lost; the server's log is not.
exec 2>/proc/1/fd/2

replication() { cli admin localhost 6379 info replication | tr -d '\r'; }
caught_up() { replication | awk -F '[:=,]' '/^slave/ { seen[$9] } /^master_repl_offset/ { exit !($2 in seen) }'; }

[ "$(role)" = master ] || exit 0
replication | grep -q 'state=online' || exit 0
say 'handing over to a replica'
# Writes wait meanwhile, and a replica has all of them: those that the old master still took would be lost.
cli admin localhost 6379 client pause 30000 write >/dev/null
waited=0
until caught_up || [ "$waited" -ge 50 ]; do
  sleep 0.1
  waited=$((waited + 1))
done
i=0
while [ "$i" -lt 3 ]; do
  [ "$(cli sentinel "$SENTINEL-$i.$SENTINEL_DOMAIN" 26379 sentinel failover "shard-$SHARD" 2>/dev/null)" != OK ] || break
  i=$((i + 1))
done
waited=0
while [ "$i" -lt 3 ] && [ "$waited" -lt 60 ]; do
  master=$(master_of "$SHARD")
  if [ -n "$master" ] && [ "$master" != "$me" ]; then
    say "handed over to $master"
    cli admin localhost 6379 replicaof "$master" 6379 >/dev/null
    exit 0
  fi
  sleep 0.5
  waited=$((waited + 1))
done
say 'no sentinel could fail over: stopping as the master'
cli admin localhost 6379 client unpause >/dev/null
