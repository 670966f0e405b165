{{/* The security mode. YAML 1.1 reads an unquoted `off` as false; both mean off. */}}
{{- define "common.securityMode" -}}
{{- .Values.security.mode | default "off" -}}
{{- end -}}

{{/* Non-empty when security is on: {{ if include "common.secure" . }} */}}
{{- define "common.secure" -}}
{{- if ne (include "common.securityMode" .) "off" -}}true{{- end -}}
{{- end -}}

{{/*
The Secret with tls.crt, tls.key and ca.crt, in every mode of the same shape: dict root, name (of the one that we make).
*/}}
{{- define "common.tlsSecretName" -}}
{{- if eq (include "common.securityMode" .root) "existing" -}}
{{- required "security.tls.existingSecret is needed when security.mode is existing: a Secret with tls.crt, tls.key and ca.crt" .root.Values.security.tls.existingSecret -}}
{{- else -}}
{{- .name -}}
{{- end -}}
{{- end -}}

{{/*
A certificate for both ends of a connection: dict root, name, component (optional), dnsNames (list), uris (optional list;
only cert-manager writes them). With `self-signed` a CA of its own, made once and kept over upgrades, never rotated: for
trying out. With `cert-manager` a Certificate that is renewed. Nothing in the other modes.
*/}}
{{- define "common.certificate" -}}
{{- $mode := include "common.securityMode" .root -}}
{{- if eq $mode "self-signed" -}}
{{- $old := lookup "v1" "Secret" .root.Release.Namespace .name }}
apiVersion: v1
kind: Secret
metadata:
  {{- include "common.metadata" . | nindent 2 }}
type: kubernetes.io/tls
data:
  {{- if and $old $old.data (index $old.data "ca.crt") }}
  ca.crt: {{ index $old.data "ca.crt" }}
  tls.crt: {{ index $old.data "tls.crt" }}
  tls.key: {{ index $old.data "tls.key" }}
  {{- else }}
  {{- $ca := .ca | default (genCA (printf "%s CA" .name) 3650) }}
  {{- $cert := genSignedCert (first .dnsNames | trunc 64) (list "127.0.0.1") .dnsNames 3650 $ca }}
  ca.crt: {{ $ca.Cert | b64enc }}
  tls.crt: {{ $cert.Cert | b64enc }}
  tls.key: {{ $cert.Key | b64enc }}
  {{- end }}
{{- else if eq $mode "cert-manager" }}
apiVersion: cert-manager.io/v1
kind: Certificate
metadata:
  {{- include "common.metadata" . | nindent 2 }}
spec:
  secretName: {{ .name }}
  issuerRef:
    {{- with .root.Values.security.certManager.issuerRef }}
    name: {{ required "security.certManager.issuerRef.name is needed when security.mode is cert-manager" .name }}
    kind: {{ .kind }}
    group: cert-manager.io
    {{- end }}
  commonName: {{ first .dnsNames | trunc 64 }}
  dnsNames:
    {{- toYaml .dnsNames | nindent 4 }}
  {{- with .uris }}
  uris:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  ipAddresses: [127.0.0.1]
  duration: 2160h
  renewBefore: 720h
  usages: [server auth, client auth]
  privateKey:
    encoding: PKCS8
    rotationPolicy: Always
{{- end }}
{{- end -}}

{{/* The Secret with a password a user: dict root, name (of the one that we make). Key: the user's name. */}}
{{- define "common.authSecretName" -}}
{{- if .root.Values.security.auth.existingSecret -}}
{{- .root.Values.security.auth.existingSecret -}}
{{- else if eq (include "common.securityMode" .root) "existing" -}}
{{- fail "security.auth.existingSecret is needed when security.mode is existing: a Secret with a password for each user" -}}
{{- else -}}
{{- .name -}}
{{- end -}}
{{- end -}}

{{/*
A Secret of random values that never change once made: dict root, name, component (optional), keys (list), keep (bool: stays
after an uninstall, because volumes that stay were written with it).
*/}}
{{- define "common.randomSecret" -}}
{{- $old := lookup "v1" "Secret" .root.Release.Namespace .name -}}
{{- $data := dict -}}
{{- if and $old $old.data }}{{ $data = $old.data }}{{ end -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "common.metadata" . | nindent 2 }}
  {{- if .keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
type: Opaque
data:
  {{- range .keys }}
  {{ . }}: {{ index $data . | default (randAlphaNum 32 | b64enc) }}
  {{- end }}
{{- end -}}

{{/* DNS names of a service and, where given, of its pods behind a headless one: dict root, services (list of names). */}}
{{- define "common.dnsNames" -}}
{{- $root := .root -}}
{{- range .services }}
- {{ . }}
- {{ . }}.{{ $root.Release.Namespace }}
- {{ . }}.{{ $root.Release.Namespace }}.svc
- {{ . }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.clusterDomain }}
- '*.{{ . }}.{{ $root.Release.Namespace }}.svc.{{ $root.Values.clusterDomain }}'
{{- end }}
- localhost
{{- end -}}

{{/*
Refuses to change anything while a Secret that the values name is not there, or lacks a key: its pods would wait for it in vain.
Silent where there is no cluster to ask (helm template), or no namespace yet: every namespace has the account that is looked up first.
dict root, value (path of the value that names it), name (nothing is asked when empty), keys (list).
*/}}
{{- define "common.requireSecret" -}}
{{- $namespace := .root.Release.Namespace -}}
{{- if and .name (lookup "v1" "ServiceAccount" $namespace "default") -}}
{{- $secret := lookup "v1" "Secret" $namespace .name -}}
{{- if not $secret -}}
{{- fail (printf "%s: there is no Secret %s in the namespace %s (it needs %s)" .value .name $namespace (join ", " .keys)) -}}
{{- end -}}
{{- range .keys -}}
{{- if not (hasKey (default dict $secret.data) .) -}}
{{- fail (printf "%s: the Secret %s in the namespace %s has no key %s" $.value $.name $namespace .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The same for the Secrets of security.tls and security.auth: dict root, users (list of who has a password, optional). */}}
{{- define "common.requireSecurity" -}}
{{- $security := .root.Values.security -}}
{{- if eq (include "common.securityMode" .root) "existing" -}}
{{- include "common.requireSecret" (dict "root" .root "value" "security.tls.existingSecret" "name" $security.tls.existingSecret "keys" (list "tls.crt" "tls.key" "ca.crt")) -}}
{{- end -}}
{{- if and (include "common.secure" .root) .users -}}
{{- include "common.requireSecret" (dict "root" .root "value" "security.auth.existingSecret" "name" $security.auth.existingSecret "keys" .users) -}}
{{- end -}}
{{- end -}}
