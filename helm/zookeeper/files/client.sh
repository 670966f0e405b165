# What the setup and the test have in common; sourced by them. SERVER is the client Service with its port.
set -euo pipefail
umask 077

home=$(cd "$(dirname "$(command -v zkCli.sh)")/.." && pwd)
# Without JLine the client's shell does not echo what it reads, passwords among it.
classpath=$(printf '%s\n' "$home"/lib/*.jar | grep -v '/jline-' | paste -sd: -)
flags=(-Xmx48m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dlogback.configurationFile=/scripts/logback.xml)
if [ -d /tls ]; then
  flags+=(-Dzookeeper.client.secure=true -Dzookeeper.clientCnxnSocket=org.apache.zookeeper.ClientCnxnSocketNetty)
  flags+=(-Dzookeeper.ssl.trustStore.location=/tls/ca.crt -Dzookeeper.ssl.trustStore.type=PEM)
fi

# zk [FLAG...]: one session that runs the commands that come in. Answers and errors go out.
zk() {
  { cat; echo quit; } | java "${flags[@]}" "$@" -cp "$classpath" org.apache.zookeeper.ZooKeeperMain \
    -waitforconnection -timeout 40000 -server "$SERVER" 2>&1 || true
}

# as USER: like zk, authenticated where there is authentication. The password goes by a pipe, never by a command line.
as() {
  if [ -d /auth ]; then { printf 'addauth digest %s:%s\n' "$1" "$(<"/auth/$1")"; cat; } | zk; else zk; fi
}

# srvr HOST PORT: what a server says about itself.
srvr() {
  if [ -d /tls ]; then
    echo srvr | timeout 5 openssl s_client -quiet -CAfile /tls/ca.crt -verify_return_error -verify_hostname "$1" \
      -connect "$1:$2" 2>/dev/null || true
  else
    echo srvr | nc -w 3 "$1" "$2" || true
  fi
}

wait_until_served() {
  for _ in {1..120}; do
    if srvr "${SERVER%:*}" "${SERVER#*:}" | grep -q ^Mode; then return; fi
    sleep 1
  done
  echo "nobody serves at $SERVER" >&2
  return 1
}
