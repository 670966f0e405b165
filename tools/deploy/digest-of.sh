#!/usr/bin/env bash
# Prints the digest that helm named when it pulled or pushed a chart; its words are read from standard input.
#
#   tools/deploy/digest-of.sh NAME
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 NAME" >&2; exit 2; }
told=$(cat)
digest=$(sed -n 's/^.*Digest: *\(sha256:[0-9a-f]\{64\}\).*$/\1/p' <<<"$told")
[ -n "$digest" ] || { printf 'helm named no digest of %s:\n%s\n' "$1" "$told" >&2; exit 1; }
echo "$digest"
