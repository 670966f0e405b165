#!/bin/bash
# Gives every user its tree and takes write access to the root from everybody. Runs after each install, upgrade and
# rollback.
. /scripts/client.sh

# owner USER: ACL that lets a user do everything. Kafka's client cannot use digests: it authenticates by SASL.
owner() {
  local hash
  hash=$(printf '%s:%s' "$1" "$(<"/auth/$1")" | openssl dgst -sha1 -binary | base64)
  printf 'digest:%s:%s:cdrwa' "$1" "$hash"
  if [ "$1" = kafka ]; then printf ',sasl:kafka:cdrwa'; fi
}

for user in super flashmesh kafka; do
  if grep -q '[[:space:]]' "/auth/$user"; then
    echo "the password of $user has white space in it, which clients cannot send" >&2
    exit 1
  fi
done

paths=(/flashmesh /kafka / /zookeeper /zookeeper/quota)
declare -A wanted found
for path in "${paths[@]}"; do wanted[$path]=world:anyone:r; done
wanted[/flashmesh]=$(owner flashmesh)
wanted[/kafka]=$(owner kafka)

# Each round is one session: changes, then a look at all ACLs. The first is all that a new ensemble needs, and does
# nothing to one that is as it should be; a tree that is there already keeps its ACLs until it has been looked at.
changes=''
for path in "${paths[@]}"; do
  case $path in
    /flashmesh | /kafka) changes+="create $path '' ${wanted[$path]}"$'\n' ;;
    *) changes+="setAcl $path ${wanted[$path]}"$'\n' ;;
  esac
done
looks=$(printf 'getAcl %s\nprintwatches\n' "${paths[@]}") # the second only says where an answer ends
wait_until_served
for _ in {1..5}; do
  out=$(as super <<<"$changes"$'\n'"$looks")
  read=0 acl=''
  while IFS= read -r line; do
    case $line in
      "'"*) who=${line#\'} who=${who/,\'/:} ;;
      ': '*) acl+=${acl:+,}$who:${line#: } ;;
      'printwatches is on') found[${paths[read++]}]=$acl acl='' ;;
    esac
  done <<<"$out"
  if ((read < ${#paths[@]})); then
    echo "the session broke off: $(tail -n 1 <<<"$out")" >&2
    continue
  fi
  changes=''
  for path in "${paths[@]}"; do
    if [ "${found[$path]}" != "${wanted[$path]}" ]; then
      # A tree that was written without security or under an older password is handed over whole.
      case $path in /flashmesh | /kafka) recursive='-R ' ;; *) recursive='' ;; esac
      changes+="setAcl $recursive$path ${wanted[$path]}"$'\n'
    fi
  done
  if [ -z "$changes" ]; then
    echo '/flashmesh and /kafka belong to the users of these names; the rest can be written by super only'
    exit 0
  fi
done
echo "the ACLs of these are not as wanted:" >&2
for path in "${paths[@]}"; do [ "${found[$path]:-}" = "${wanted[$path]}" ] || echo "$path" >&2; done
exit 1
