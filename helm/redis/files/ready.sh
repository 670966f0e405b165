#!/bin/sh
# Whether a server is ready. A replica is not while it could have the master's data and has it not yet. It is when there is no
# master to be reached: it can do no more, and the next pod, perhaps the master, is not made before this one is ready.
set -eu
. /scripts/lib.sh
[ "$(cli exporter localhost 6379 ping)" = PONG ]
[ "$REPLICAS" != 0 ] || exit 0
info=$(cli exporter localhost 6379 info replication | tr -d '\r')
value() { echo "$info" | sed -n "s/^$1://p"; }
[ "$(value role)" != slave ] || [ "$(value master_link_status)" = up ] ||
  [ -z "$(cli exporter "$(value master_host)" 6379 ping 2>/dev/null)" ]
