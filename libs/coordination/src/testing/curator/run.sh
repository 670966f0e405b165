#!/usr/bin/env bash
# Starts the peer in Java with the Curator of pom.xml, which Maven fetches once.
# usage: run.sh SERVERS SESSION_TIMEOUT_SECONDS
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cache="$here/../../../../../.local/curator"
if ! cmp -s "$here/pom.xml" "$cache/pom.xml"; then
  mkdir -p "$cache"
  mvn -q -B -f "$here/pom.xml" -Dmdep.outputFile="$cache/classpath" dependency:build-classpath >&2
  cp "$here/pom.xml" "$cache/pom.xml"
fi
exec "${JAVA_HOME:+$JAVA_HOME/bin/}java" -XX:TieredStopAtLevel=1 -cp "$(cat "$cache/classpath")" "$here/Peer.java" "$@"
