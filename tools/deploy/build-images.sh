#!/usr/bin/env bash
# Builds the image of every app with docker, as flashmesh/<app>:TAG, and prints their names.
#
#   tools/deploy/build-images.sh [TAG]
#
# TAG is by default the one that the flashmesh chart asks for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tag=${1:-$(sed -n "s/^appVersion: *['\"]\{0,1\}\([^'\"]*\)['\"]\{0,1\}$/\1/p" helm/flashmesh/Chart.yaml)}
[ -n "$tag" ] || { echo 'helm/flashmesh/Chart.yaml has no appVersion' >&2; exit 1; }
for folder in apps/*/; do
  app=$(basename "$folder")
  # Dependencies are installed in a layer that all apps share.
  docker build --quiet --build-arg "APP=$app" --tag "flashmesh/$app:$tag" . >/dev/null
  echo "flashmesh/$app:$tag"
done
