#!/bin/sh
# `helm test`: sends a span by OTLP over HTTP and finds it through the query API.
set -eu

hex() { od -A n -N "$1" -t x1 /dev/urandom | tr -d ' \n'; }
say() { echo "$(date -u +%H:%M:%S) $*" >&2; }

# Nothing here speaks HTTPS in every image: alpine's wget does, but takes no CA of ours; where there is openssl, the certificate is
# checked too. request PORT PATH [BODY]: the answer, with or without its head.
request() {
  if command -v wget >/dev/null; then
    timeout 5 wget -q -O - --no-check-certificate ${3:+--header 'Content-Type: application/json' --post-data "$3"} \
      "$SCHEME://$HOST:$1$2"
  else
    body=${3:-}
    printf '%s %s HTTP/1.0\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n%s' \
      "$([ -z "$body" ] && echo GET || echo POST)" "$2" "$HOST" "${#body}" "$body" | connect "$1"
  fi
}

connect() {
  if [ "$SCHEME" = https ]; then
    timeout 5 openssl s_client -quiet -verify_return_error -verify_hostname "$HOST" -servername "$HOST" \
      -CAfile /tls/ca.crt -connect "$HOST:$1" 2>/tmp/errors || { cat /tmp/errors >&2 && return 1; }
  else
    timeout 5 nc "$HOST" "$1"
  fi
}

trace=$(hex 16)
now=$(date +%s)
span=$(
  cat <<JSON
{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"helm-test"}}]},
"scopeSpans":[{"spans":[{"traceId":"$trace","spanId":"$(hex 8)","name":"helm test","kind":1,
"startTimeUnixNano":"${now}000000000","endTimeUnixNano":"${now}001000000"}]}]}]}
JSON
)

# await WHAT WANTED PORT PATH [BODY]: until the answer has the wanted text in it. A new pod may have to wait for the network
# policies to know it, a span to be stored.
await() {
  what=$1 wanted=$2
  shift 2
  tries=0
  until answer=$(request "$@") && echo "$answer" | grep -q "$wanted"; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || { say "FAILED: $what: ${answer:-no answer}" && exit 1; }
    sleep 1
  done
  say "ok: $what"
}

await 'OTLP over HTTP takes a span' partialSuccess 4318 /v1/traces "$span"
await 'the query API has it' "\"traceID\":\"$trace\"" 16686 "/api/traces/$trace"
await 'and its service' '"helm-test"' 16686 /api/services
