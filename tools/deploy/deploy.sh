#!/usr/bin/env bash
# Installs or upgrades the whole shop: each chart as a release of its own name, one after the other, then `helm test` of each, then
# the smoke test. A release that does not become ready is rolled back, and nothing after it is touched.
#
#   tools/deploy/deploy.sh NAMESPACE PROFILES CHARTS [DIGESTS] [-- HELM_OPTION...]
#
# PROFILES  folders of values, <chart>.yaml for each chart that needs any: helm/profiles/ha, or several with commas between, of
#           which the later goes before; `default` for none. Nothing stays of what an earlier deploy was given.
# CHARTS    folder of charts (helm), or a registry (oci://ghcr.io/owner/charts), which needs DIGESTS
# DIGESTS   a file with `NAME DIGEST` for each chart, as verify-release.sh prints: a tag could be moved after it was verified
# Options after -- go to the flashmesh chart, which has the images that we build: -- --set image.tag=1.2.3
# Needs helm 4.2 or newer, kubectl, curl, node, and a KUBECONFIG with the rights of k8s/deployer.yaml.
set -euo pipefail

usage() {
  sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 3 ] || usage
namespace=$1 profiles=() source=$3
[ "$2" = default ] || IFS=, read -ra profiles <<<"$2"
shift 3
digests=''
if [ $# -gt 0 ] && [ "$1" != -- ]; then
  digests=$1
  shift
fi
if [ $# -gt 0 ]; then
  [ "$1" = -- ] || usage
  shift
fi
app_options=("$@")

# A misspelt profile would install with other values than were meant.
for profile in "${profiles[@]}"; do
  [ -d "$profile" ] || { echo "there is no profile $profile" >&2; exit 2; }
done
case $source in
  oci://*) [ -f "$digests" ] || { echo "a registry needs a file of DIGESTS" >&2; exit 2; } ;;
  *)
    [ -z "$digests" ] || { echo "a folder of charts has no DIGESTS" >&2; exit 2; }
    [ -d "$source/flashmesh" ] || { echo "there are no charts in $source" >&2; exit 2; }
    ;;
esac

# chart NAME: what helm is to install.
chart() {
  [ -n "$digests" ] || { echo "$source/$1"; return; }
  local digest
  digest=$(sed -n "s/^$1 \(sha256:[0-9a-f]\{64\}\)$/\1/p" "$digests")
  [ -n "$digest" ] || { echo "$digests has no digest of $1" >&2; return 1; }
  echo "$source/$1@$digest"
}

# What the shop stands on comes first; Kafka may stand on ZooKeeper.
releases=(zookeeper kafka redis jaeger flashmesh)

for release in "${releases[@]}"; do
  options=(--namespace "$namespace" --rollback-on-failure --wait --wait-for-jobs --timeout 15m --history-max 10)
  # Without values of its own, an upgrade would keep those of the one before.
  options+=(--reset-values)
  for profile in "${profiles[@]}"; do
    [ ! -f "$profile/$release.yaml" ] || options+=(--values "$profile/$release.yaml")
  done
  [ "$release" != flashmesh ] || options+=("${app_options[@]}")
  echo "== upgrade $release"
  from=$(chart "$release")
  helm upgrade --install "$release" "$from" "${options[@]}" --hide-notes
done

for release in "${releases[@]}"; do
  echo "== test $release"
  helm test "$release" --namespace "$namespace" --logs --timeout 10m
done

echo '== smoke'
"$here/smoke.sh" "$namespace"
