#!/usr/bin/env bash
# Packages the charts for a release: all of one version; the flashmesh chart with the images of that version.
#
#   tools/deploy/package-charts.sh VERSION IMAGE_REGISTRY FOLDER
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: $0 VERSION IMAGE_REGISTRY FOLDER" >&2; exit 2; }
version=$1 registry=$2
mkdir -p "$3"
folder=$(cd "$3" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for chart in zookeeper kafka redis jaeger flashmesh; do
  # The library chart is a symbolic link in the sources, and a folder in the package.
  cp --recursive --dereference "helm/$chart" "$scratch/$chart"
  options=(--version "$version" --destination "$folder")
  if [ "$chart" = flashmesh ]; then
    options+=(--app-version "$version")
    sed --in-place "s#^  registry: docker.io\$#  registry: $registry#" "$scratch/$chart/values.yaml"
    grep --quiet "^  registry: $registry\$" "$scratch/$chart/values.yaml" || {
      echo "helm/flashmesh/values.yaml has no image.registry to set" >&2
      exit 1
    }
  fi
  helm package "$scratch/$chart" "${options[@]}"
done
