# Shared by the scripts beside it.

# Says something, once as long as nothing else is said.
said=
say() {
  [ "$*" = "$said" ] || echo "$(date -u +%H:%M:%S) $*" >&2
  said=$*
}

# cli USER HOST PORT COMMAND...: asks a server or a sentinel; three seconds must do.
cli() {
  user=$1 host=$2 port=$3
  shift 3
  if [ "$SECURE" = true ]; then
    REDISCLI_AUTH=$(cat "/auth/$user") timeout 3 redis-cli --no-auth-warning --user "$user" \
      --tls --cacert /tls/ca.crt --cert /tls/tls.crt --key /tls/tls.key -h "$host" -p "$port" "$@"
  else
    timeout 3 redis-cli -h "$host" -p "$port" "$@"
  fi
}

# ask_sentinels COMMAND...: the answers of all sentinels, asked at the same time.
ask_sentinels() {
  for i in 0 1 2; do
    cli sentinel "$SENTINEL-$i.$SENTINEL_DOMAIN" 26379 "$@" 2>/dev/null &
  done
  wait
}

# master_of SHARD: the host that two sentinels call its master. Nothing when they do not know or do not agree.
master_of() {
  ask_sentinels sentinel get-master-addr-by-name "shard-$1" | grep -F ".$DOMAIN" | sort | uniq -d
}

# servers_of SHARD: the hosts of a shard.
servers_of() {
  i=0
  while [ "$i" -le "$REPLICAS" ]; do
    echo "$NAME-shard-$1-$i.$DOMAIN"
    i=$((i + 1))
  done
}

# write_users FILE: the ACL file. The passwords stay in the Secret, hashes are enough to check them.
write_users() {
  echo 'user default off' >"$1"
  while read -r user rules; do
    printf 'user %s on #%s %s\n' "$user" \
      "$(printf %s "$(cat "/auth/$user")" | sha256sum | cut -d ' ' -f 1)" "$rules" >>"$1"
  done </config/users
}

# on_new_certificate COMMAND...: in the background, runs it whenever the mounted certificate was renewed.
on_new_certificate() {
  (
    last=$(cat /tls/tls.crt)
    while sleep 30; do
      [ "$(cat /tls/tls.crt)" = "$last" ] && continue
      last=$(cat /tls/tls.crt)
      say 'the certificate was renewed'
      "$@"
    done
  ) &
}
