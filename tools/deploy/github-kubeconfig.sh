#!/usr/bin/env bash
# Writes the kubeconfig of a deploy job of GitHub Actions:
# - with KUBE_SERVER (https://host:port) and KUBE_CA (base64 of the PEM certificate), one whose tokens are the job's own OIDC
#   tokens: nothing is stored, and the cluster says which repository and environment it trusts (k8s/README.md);
# - else what KUBECONFIG_SECRET holds, made by tools/deploy/deployer-kubeconfig.sh.
#
#   tools/deploy/github-kubeconfig.sh FILE
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 FILE" >&2; exit 2; }
file=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

umask 077
if [ -n "${KUBE_SERVER:-}" ]; then
  cat >"$file" <<EOF
apiVersion: v1
kind: Config
clusters:
  - name: cluster
    cluster:
      server: $KUBE_SERVER
      certificate-authority-data: ${KUBE_CA:?KUBE_CA is needed beside KUBE_SERVER}
users:
  - name: deployer
    user:
      # Asked again whenever a token has run out: one is good for minutes, and a deploy may take longer.
      exec:
        apiVersion: client.authentication.k8s.io/v1
        command: $here/github-oidc-token.sh
        interactiveMode: Never
contexts:
  - name: deployer
    context: {cluster: cluster, user: deployer}
current-context: deployer
EOF
elif [ -n "${KUBECONFIG_SECRET:-}" ]; then
  printf '%s\n' "$KUBECONFIG_SECRET" >"$file"
else
  echo 'the environment has neither the variables KUBE_SERVER and KUBE_CA nor the secret KUBECONFIG' >&2
  exit 1
fi
