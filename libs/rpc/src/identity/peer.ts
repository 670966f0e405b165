import type { ServerHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { ServiceIdentity, ServiceNaming } from './service-naming.ts';

/** Why a connection's caller is nobody. */
export type PeerFault = 'no_certificate' | 'untrusted' | 'expired' | 'foreign_trust_domain' | 'no_identity';

/** Who is at the other end of a connection; certificates are judged once, when the connection makes its first call. @internal */
export type Peer =
  | {
      readonly kind: 'known';
      readonly identity: ServiceIdentity;
      /** When its certificate ends, in milliseconds since the epoch: a connection may live longer. */
      readonly notAfter: number;
    }
  | {
      readonly kind: 'unknown';
      readonly fault: PeerFault;
      /** What it says it is, for logs only. */
      readonly claimed: string | undefined;
      /** More of why, e.g. OpenSSL's words. */
      readonly detail: string | undefined;
    };

/** @internal */
export const NO_CERTIFICATE: Peer = {
  kind: 'unknown',
  fault: 'no_certificate',
  claimed: undefined,
  detail: undefined,
};

/** Judges the certificate that the far side of a connection has shown. @internal */
export function judgePeer(session: ServerHttp2Session, naming: ServiceNaming): Peer {
  // Under TLS it is one, behind a proxy object that http2 puts around it.
  const socket = session.socket as TLSSocket;
  const certificate = session.encrypted === true ? socket.getPeerCertificate() : undefined;
  if (!certificate?.raw) return NO_CERTIFICATE;
  const found = naming.identify(certificate.subjectaltname);
  const claimed =
    found.kind === 'known'
      ? found.identity.id
      : found.kind === 'foreign'
        ? found.id
        : certificate.subjectaltname;
  if (!socket.authorized) {
    const code = String(socket.authorizationError);
    const fault = code === 'CERT_HAS_EXPIRED' ? 'expired' : 'untrusted';
    return { kind: 'unknown', fault, claimed, detail: code };
  }
  if (found.kind === 'foreign')
    return { kind: 'unknown', fault: 'foreign_trust_domain', claimed, detail: undefined };
  if (found.kind === 'none') return { kind: 'unknown', fault: 'no_identity', claimed, detail: undefined };
  return { kind: 'known', identity: found.identity, notAfter: Date.parse(certificate.valid_to) };
}
