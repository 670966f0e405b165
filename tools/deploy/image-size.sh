#!/usr/bin/env bash
# Fails when an image is larger than the base that the Dockerfile names by more than so many MB (of 1000 x 1000 bytes).
#
#   tools/deploy/image-size.sh IMAGE MEGABYTES
set -euo pipefail

[ $# -eq 2 ] || { echo "usage: $0 IMAGE MEGABYTES" >&2; exit 2; }
image=$1 limit=$2
base=$(sed -n 's/^ARG NODE_IMAGE=//p' "$(dirname "${BASH_SOURCE[0]}")/../../Dockerfile")
[ -n "$base" ] || { echo 'the Dockerfile has no NODE_IMAGE' >&2; exit 1; }

# The builder may have it in a store of its own.
docker image inspect "$base" >/dev/null 2>&1 || docker pull --quiet "$base" >/dev/null
size() { docker image inspect --format '{{.Size}}' "$1"; }
whole=$(size "$image")
below=$(size "$base")
added=$(((whole - below) / 1000000))
echo "$image adds $added MB to $base"
[ "$added" -lt "$limit" ] || { echo "it may add less than $limit MB" >&2; exit 1; }
