#!/usr/bin/env bash
# Pushes packaged charts to a registry. A version that is there already stays as it is: a release that was begun twice changes
# nothing that somebody may have installed.
#
#   tools/deploy/push-charts.sh FOLDER VERSION OCI_PREFIX      # oci://ghcr.io/owner/charts
#
# Prints `NAME DIGEST` for each chart, also for one that was there, so that one whose signing failed is signed the next time; what
# it does goes to standard error.
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: $0 FOLDER VERSION OCI_PREFIX" >&2; exit 2; }
folder=$1 version=$2 prefix=$3
read -ra options <<<"${HELM_REGISTRY_OPTIONS:-}" # e.g. --plain-http
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for package in "$folder"/*-"$version".tgz; do
  [ -f "$package" ] || { echo "there are no charts of version $version in $folder" >&2; exit 1; }
  name=$(basename "$package" "-$version.tgz")
  if told=$(helm pull "$prefix/$name" --version "$version" --destination "$scratch" "${options[@]}" 2>&1); then
    echo "$name $version is there already" >&2
  else
    told=$(helm push "$package" "$prefix" "${options[@]}" 2>&1) || { echo "$told" >&2; exit 1; }
    echo "pushed $name $version" >&2
  fi
  digest=$("$here/digest-of.sh" "$name" <<<"$told")
  echo "$name $digest"
done
