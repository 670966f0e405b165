#!/usr/bin/env bash
# Verifies that the charts of a release, and the images that they name, are the ones that the release workflow of its tag signed.
#
#   tools/deploy/verify-release.sh REGISTRY VERSION REPOSITORY      # ghcr.io/owner 1.2.3 Owner/flashmesh
#
# Prints `NAME DIGEST` for each chart, for deploy.sh: what is deployed is what was looked at, whatever becomes of the tags.
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: $0 REGISTRY VERSION REPOSITORY" >&2; exit 2; }
registry=$1 version=$2 repository=$3
read -ra options <<<"${HELM_REGISTRY_OPTIONS:-}" # e.g. --plain-http
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

verify() {
  cosign verify "$1" --output text >/dev/null \
    --certificate-oidc-issuer https://token.actions.githubusercontent.com \
    --certificate-identity "https://github.com/$repository/.github/workflows/release.yml@refs/tags/v$version"
}

for chart in zookeeper kafka redis jaeger flashmesh; do
  # A chart's tag is its version.
  told=$(helm pull "oci://$registry/charts/$chart" --version "$version" --destination "$scratch" "${options[@]}" 2>&1) ||
    { echo "$told" >&2; exit 1; }
  digest=$("$here/digest-of.sh" "$chart" <<<"$told")
  verify "$registry/charts/$chart@$digest"
  echo "$chart $digest"
done

# Every image of ours that the chart can run; those of others are pinned by whoever sets the values.
images=$(helm template flashmesh "$scratch/flashmesh-$version.tgz" --set rush.enabled=true,demoSale.enabled=true |
  sed -n 's/^[- ]*image: *"\{0,1\}\([^" ]*\)"\{0,1\}$/\1/p' | sort --unique)
[ -n "$images" ] || { echo 'the flashmesh chart names no image' >&2; exit 1; }
while read -r image; do
  verify "$image"
done <<<"$images"
