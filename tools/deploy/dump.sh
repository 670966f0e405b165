#!/usr/bin/env bash
# What one asks for first when something does not come up in a namespace: states, events, and the last lines of every container,
# of this run and of the one before. No Secret is printed.
#
#   tools/deploy/dump.sh NAMESPACE
set -uo pipefail

[ $# -eq 1 ] || { echo "usage: $0 NAMESPACE" >&2; exit 2; }
k() { kubectl --namespace "$1" "${@:2}" 2>&1; }
section() { printf '\n== %s\n' "$*"; }

section pods and what owns them
k "$1" get statefulsets,deployments,jobs,pods,persistentvolumeclaims,poddisruptionbudgets --output wide
section releases
helm list --all --namespace "$1" 2>&1
section events
k "$1" get events --sort-by=.lastTimestamp | tail -n 100

for pod in $(kubectl --namespace "$1" get pods --output name); do
  section "$pod"
  k "$1" describe "$pod" | tail -n 60
  k "$1" logs "$pod" --all-containers --prefix --tail=60
  # Where a container was started again, the reason is at the end of its former life.
  k "$1" logs "$pod" --all-containers --prefix --tail=60 --previous | grep -v 'previous terminated container' || true
done
