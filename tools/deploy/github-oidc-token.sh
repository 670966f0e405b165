#!/usr/bin/env bash
# A credential plugin of kubectl and helm: the OIDC token of the GitHub Actions job that it runs in, for the audience KUBE_AUDIENCE.
set -euo pipefail

url="${ACTIONS_ID_TOKEN_REQUEST_URL:?the job needs the permission id-token: write}&audience=${KUBE_AUDIENCE:-flashmesh}"
curl --silent --show-error --fail --max-time 30 --header @- "$url" <<<"Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" |
  node -e '
    const { value: token } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
    const { exp } = JSON.parse(Buffer.from(token.split(".")[1], "base64url"));
    // A request that is on its way when the token runs out is refused: it ends half a minute early.
    const expirationTimestamp = new Date((exp - 30) * 1000).toISOString();
    const status = { token, expirationTimestamp };
    console.log(JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status }))'
