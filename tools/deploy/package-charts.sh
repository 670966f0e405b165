#!/usr/bin/env bash
# Packages the charts for a release: all of one version; the flashmesh chart with the images of that version, by digest where its
# values have room for one: a service's under apps.
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

# pin VALUES: writes the digest of each app that VALUES has under apps there.
pin() {
  awk -v digests="$digests" '
    BEGIN { while ((getline line < digests) > 0) { split(line, words, " "); digest[words[1]] = words[2] } }
    /^[^ #]/ { inside = /^apps:/ }
    inside && match($0, /^  [a-z]+:/) {
      app = substr($0, 3, RLENGTH - 3)
      if (app in digest) {
        printf "  %s:\n    digest: %s\n", app, digest[app]
        rest = substr($0, RLENGTH + 1)
        if (rest == "" || rest == " {}") next
        print "values.yaml: apps." app " is neither {} nor a block" > "/dev/stderr"
        exit 1
      }
    }
    { print }' "$1" >"$1.pinned"
  mv "$1.pinned" "$1"
}

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
    pin "$scratch/$chart/values.yaml"
  fi
  helm package "$scratch/$chart" "${options[@]}"
done
