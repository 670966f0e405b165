#!/usr/bin/env bash
# Calls a running stack from Python, with stubs generated from proto/ by grpcio-tools.
# usage: test/contract/run.sh [SALE SKU]; addresses from CATALOG, ORDER, INVENTORY, PAYMENT, INGEST, else the usual ones.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.local/python stubs=.local/python/stubs
if ! cmp -s test/contract/requirements.txt "$venv/ready"; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check -r test/contract/requirements.txt
  cp test/contract/requirements.txt "$venv/ready"
fi
rm -rf "$stubs" && mkdir -p "$stubs"
find proto -name '*.proto' -print0 | xargs -0 "$venv/bin/python" -m grpc_tools.protoc -I proto --python_out="$stubs" --grpc_python_out="$stubs"
exec "$venv/bin/python" test/contract/client.py "$stubs" "${CATALOG:-127.0.0.1:20051}" "${ORDER:-127.0.0.1:20053}" \
  "${INVENTORY:-127.0.0.1:20052}" "${PAYMENT:-127.0.0.1:20054}" "${INGEST:-127.0.0.1:20050}" "$@"
