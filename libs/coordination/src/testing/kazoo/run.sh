#!/usr/bin/env bash
# Starts the peer in Python with the kazoo of requirements.txt, in a virtual environment below .local.
# usage: run.sh SERVERS SESSION_TIMEOUT_SECONDS
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
venv="$here/../../../../../.local/kazoo"
wanted="$here/requirements.txt"
if ! cmp -s "$wanted" "$venv/ready"; then
  python3 -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >&2
  cp "$wanted" "$venv/ready"
fi
exec "$venv/bin/python" "$here/peer.py" "$@"
