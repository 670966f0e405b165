#!/usr/bin/env bash
# Packages the charts for a release: all of one version; the flashmesh chart with the images of that version.
#
#   tools/deploy/package-charts.sh VERSION IMAGE_REGISTRY FOLDER [DIGESTS]
#
# DIGESTS is a file with `APP DIGEST` for each image; without it images go by their tag, which is VERSION.
set -euo pipefail

[ $# -eq 3 ] || [ $# -eq 4 ] || { echo "usage: $0 VERSION IMAGE_REGISTRY FOLDER [DIGESTS]" >&2; exit 2; }
version=$1 registry=$2
mkdir -p "$3"
folder=$(cd "$3" && pwd)
digests=/dev/null
[ $# -eq 3 ] || digests=$(realpath "$4")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# set_value VALUES KEY OLD NEW: of a key of the block `image`.
set_value() {
  grep --quiet --line-regexp --fixed-strings "  $2: $3" "$1" || {
    echo "helm/flashmesh/values.yaml has no image.$2 to set" >&2
    exit 1
  }
  sed --in-place "s#^  $2: $3\$#  $2: $4#" "$1"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for chart in zookeeper kafka redis jaeger flashmesh; do
  # The library chart is a symbolic link in the sources, and a folder in the package.
  cp --recursive --dereference "helm/$chart" "$scratch/$chart"
  options=(--version "$version" --destination "$folder")
  if [ "$chart" = flashmesh ]; then
    options+=(--app-version "$version")
    values=$scratch/$chart/values.yaml
    set_value "$values" registry docker.io "$registry"
    set_value "$values" digests '{}' "{ $(awk '{ printf "%s%s: %s", (NR > 1 ? ", " : ""), $1, $2 }' "$digests") }"
  fi
  helm package "$scratch/$chart" "${options[@]}"
done
