#!/usr/bin/env bash
# Buys something in the shop as a buyer would, and finds the order's trace: through port-forwards to the gateway and to Jaeger,
# so that it runs wherever kubectl does. Ports, Secrets, and whether Jaeger has a certificate, are asked of the cluster. The article
# is one of its own, in a sale of its own, and there is one unit of it.
#
#   tools/deploy/smoke.sh NAMESPACE
#
# Exits 1 with what it saw when something is not as it should be.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 NAMESPACE" >&2; exit 2; }
namespace=$1
scratch=$(mktemp -d)
forwards=()

cleanup() {
  [ ${#forwards[@]} -eq 0 ] || kill "${forwards[@]}" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT

fail() {
  echo "smoke: $1" >&2
  [ $# -lt 2 ] || printf '%s\n' "${2:0:2000}" >&2
  exit 1
}

# forward NAME SERVICE PORT: sets `port` to where the service is on this machine. kubectl picks a free one.
forward() {
  : >"$scratch/$1" # we may look before kubectl has begun
  kubectl --namespace "$namespace" port-forward --address 127.0.0.1 "service/$2" ":$3" >"$scratch/$1" 2>&1 &
  forwards+=($!)
  port=''
  # A busy cluster takes its time; a kubectl that ended is not waited for.
  for _ in {1..300}; do
    port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$scratch/$1")
    [ -z "$port" ] || break
    kill -0 "${forwards[-1]}" 2>/dev/null || break
    sleep 0.2
  done
  [ -n "$port" ] || fail "no port-forward to $2" "$(cat "$scratch/$1")"
}

# field EXPRESSION: what the JSON on standard input, as `it`, has there; nothing where it is no JSON or has no such field.
field() {
  node -e '
    let it;
    try { it = JSON.parse(require("node:fs").readFileSync(0, "utf8")); } catch { process.exit(); }
    try { console.log(eval(process.argv[1]) ?? ""); } catch {}' "$1"
}

# ask CURL_OPTION...: sets `status`, `traced` (the trace that the answer names) and `body`.
ask() {
  local told
  told=$(curl --silent --show-error --max-time 45 --noproxy '*' --output "$scratch/body" \
    --write-out '%{http_code} %header{x-trace-id}' "$@") || fail "there is no answer: curl ended with $?" "$*"
  status=${told%% *} traced=${told#* }
  body=$(cat "$scratch/body")
}

# object KIND RELEASE COMPONENT: the one that the release has, as JSON. Its name can be overridden; its labels cannot.
object() {
  local found
  found=$(kubectl --namespace "$namespace" get "$1" --output json \
    --selector "app.kubernetes.io/instance=$2,app.kubernetes.io/component=$3" | field 'JSON.stringify(it.items[0])')
  [ -n "$found" ] || fail "the release $2 has no $1 for $3"
  printf '%s' "$found"
}

# secret NAME KEY
secret() {
  kubectl --namespace "$namespace" get secret "$1" --output json |
    KEY=$2 field 'Buffer.from(it.data[process.env.KEY], "base64").toString()' >"$scratch/secret"
  [ -s "$scratch/secret" ] || fail "the Secret $1 has no $2"
  cat "$scratch/secret"
}

service=$(object service flashmesh gateway)
forward gateway "$(field 'it.metadata.name' <<<"$service")" \
  "$(field 'it.spec.ports.find(({ name }) => name === "http").port' <<<"$service")"
gateway=http://127.0.0.1:$port

service=$(object service jaeger jaeger)
name=$(field 'it.metadata.name' <<<"$service")
forward jaeger "$name" "$(field 'it.spec.ports.find(({ name }) => name === "query").port' <<<"$service")"
jaeger=http://127.0.0.1:$port trust=()
deployment=$(object deployment jaeger jaeger)
certificate=$(field 'it.spec.template.spec.volumes.find(({ name }) => name === "tls").secret.secretName' <<<"$deployment")
if [ -n "$certificate" ]; then
  secret "$certificate" ca.crt >"$scratch/ca.crt"
  # By the name that the apps call it by: a certificate from elsewhere need not know 127.0.0.1.
  jaeger=https://$name trust=(--cacert "$scratch/ca.crt" --connect-to "$name:443:127.0.0.1:$port")
fi

# Through a file, so that the token is in no list of processes.
deployment=$(object deployment flashmesh gateway)
tokens=$(field 'it.spec.template.spec.containers[0].envFrom.find((from) => from.secretRef).secretRef.name' <<<"$deployment")
token=$(secret "$tokens" ADMIN_TOKEN)
printf 'Authorization: Bearer %s' "$token" >"$scratch/admin"

trace=$(node -p 'require("node:crypto").randomBytes(16).toString("hex")')
id=smoke-${trace:0:12}
sale=$(node -p '
  const id = process.argv[1];
  const at = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();
  const item = { sku: id, name: "Smoke test", unitPrice: 100, limitPerBuyer: 1, stock: 1 };
  const open = { opensAt: at(-1), closesAt: at(600), reservationTtlSeconds: 300 };
  JSON.stringify({ id, name: "Smoke test", currency: "EUR", ...open, items: [item] })' "$id")
ask --request POST "$gateway/api/admin/sales" --header "@$scratch/admin" --header 'Content-Type: application/json' --data "$sale"
[[ $status = 2?? ]] || fail "the sale was not opened: $status" "$body"

ask --request POST "$gateway/api/sessions"
printf 'Authorization: Bearer %s' "$(field 'it.token' <<<"$body")" >"$scratch/buyer"
[[ $status = 2?? ]] || fail "there is no session: $status" "$body"

# A caller who asks for a trace gets one, whatever share of the others is recorded.
ask --request POST "$gateway/api/orders" --header "@$scratch/buyer" --header 'Content-Type: application/json' \
  --header "Idempotency-Key: $id" --header "traceparent: 00-$trace-${trace:0:16}-01" \
  --data "{\"saleId\":\"$id\",\"sku\":\"$id\",\"quantity\":1,\"paymentMethod\":\"tok_ok\"}"
[ "$status" = 202 ] || fail "the order was not accepted: $status" "$body"
order=$(field 'it.id' <<<"$body")
[ "$traced" = "$trace" ] || fail "the order's trace should be $trace and is '$traced'"

state=''
for _ in {1..60}; do
  ask "$gateway/api/orders/$order" --header "@$scratch/buyer"
  state=$(field 'it.state' <<<"$body")
  [[ $state =~ ^(CONFIRMED|REJECTED|CANCELLED)$ ]] && break
  sleep 1
done
[ "$state" = CONFIRMED ] || fail "order $order is '$state' instead of CONFIRMED" "$body"

# Spans leave the services in batches.
seen=''
for _ in {1..60}; do
  ask "$jaeger/api/traces/$trace" "${trust[@]}"
  seen=$(field '[...new Set(Object.values(it.data[0].processes).map((process) => process.serviceName))].sort().join(" ")' <<<"$body")
  [[ " $seen " = *' gateway '* && " $seen " = *' order '* ]] && break
  sleep 1
done
[[ " $seen " = *' gateway '* && " $seen " = *' order '* ]] || fail "trace $trace has spans of '$seen', not of gateway and order" "$body"

echo "smoke: order $order is CONFIRMED; trace $trace has spans of $seen"
