#!/usr/bin/env bash
# Writes a kubeconfig of the deployer: what an admin of the cluster hands to whoever shall deploy, and nothing more.
#
#   tools/deploy/deployer-kubeconfig.sh NAMESPACE FILE [DURATION]
#
# The token in it is good for DURATION (1h). The cluster is the one of the current context.
set -euo pipefail

[ $# -ge 2 ] || { echo "usage: $0 NAMESPACE FILE [DURATION]" >&2; exit 2; }
namespace=$1 file=$2 duration=${3:-1h}

umask 077
token=$(kubectl --namespace "$namespace" create token deployer --duration="$duration")
# Through the environment: a command line can be read by everybody on the machine.
kubectl config view --minify --flatten --raw --output json |
  TOKEN=$token NAMESPACE=$namespace node -e '
    const { clusters } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const { TOKEN: token, NAMESPACE: namespace } = process.env;
    console.log(JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters,
      users: [{ name: "deployer", user: { token } }],
      contexts: [{ name: "deployer", context: { cluster: clusters[0].name, user: "deployer", namespace } }],
      "current-context": "deployer",
    }, null, 2))' >"$file"
