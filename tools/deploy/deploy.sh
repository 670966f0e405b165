#!/usr/bin/env bash
# Installs or upgrades the whole shop: each chart as a release of its own name, one after the other, then `helm test` of each, then
# the smoke test. A release that does not become ready is rolled back, and nothing after it is touched.
#
#   tools/deploy/deploy.sh NAMESPACE PROFILE CHARTS [VERSION] [-- HELM_OPTION...]
#
# PROFILE   folder of values, <chart>.yaml for each chart that needs any: helm/profiles/ha; `default` for none
# CHARTS    folder of charts (helm), or a registry (oci://ghcr.io/owner/charts), which needs VERSION
# Options after -- go to the flashmesh chart, which has the images that we build: -- --set image.tag=1.2.3
# Needs helm 4.2 or newer, kubectl, curl, node, and a KUBECONFIG with the rights of k8s/deployer.yaml.
set -euo pipefail

usage() {
  sed -n '2,/^set -/{/^#/s/^# \{0,1\}//p}' "$0" >&2
  exit 2
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 3 ] || usage
namespace=$1 profile=$2 source=$3
shift 3
version=''
if [ $# -gt 0 ] && [ "$1" != -- ]; then
  version=$1
  shift
fi
if [ $# -gt 0 ]; then
  [ "$1" = -- ] || usage
  shift
fi
app_options=("$@")

# A misspelt profile would install with other values than were meant.
[ "$profile" = default ] || [ -d "$profile" ] || { echo "there is no profile $profile" >&2; exit 2; }
case $source in
  oci://*) [ -n "$version" ] || { echo "a registry needs a VERSION" >&2; exit 2; } ;;
  *) [ -d "$source/flashmesh" ] || { echo "there are no charts in $source" >&2; exit 2; } ;;
esac

# What the shop stands on comes first; Kafka may stand on ZooKeeper.
releases=(zookeeper kafka redis jaeger flashmesh)

for release in "${releases[@]}"; do
  options=(--namespace "$namespace" --rollback-on-failure --wait --wait-for-jobs --timeout 15m --history-max 10)
  [ -z "$version" ] || options+=(--version "$version")
  [ ! -f "$profile/$release.yaml" ] || options+=(--values "$profile/$release.yaml")
  [ "$release" != flashmesh ] || options+=("${app_options[@]}")
  echo "== upgrade $release"
  helm upgrade --install "$release" "$source/$release" "${options[@]}" --hide-notes
done

for release in "${releases[@]}"; do
  echo "== test $release"
  helm test "$release" --namespace "$namespace" --logs --timeout 10m
done

echo '== smoke'
"$here/smoke.sh" "$namespace"
