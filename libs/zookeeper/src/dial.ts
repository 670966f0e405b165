import { connect as connectPlain, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { TlsTrust } from '@flashmesh/core';
import type { Endpoint } from './host-list.ts';

/**
 * Opens a byte stream to a server. It is destroyed when it is not needed any more; that it failed or closed, it says as every stream
 * does.
 *
 * @returns the stream, and the event by which it says that it stands and that the handshake may be sent.
 */
export type Dial = (endpoint: Endpoint) => { readonly stream: Duplex; readonly standsOn: string };

/** Over TCP, with TLS where that is asked for. */
export function dialTcp(tls: TlsTrust | undefined): Dial {
  return (endpoint) => {
    const stream = tls ? openTls(endpoint, tls) : connectPlain(endpoint);
    stream.setNoDelay(true);
    return { stream, standsOn: tls ? 'secureConnect' : 'connect' };
  };
}

/** The certificate must be signed by an authority that is trusted, and be made out to the host that was asked for. */
function openTls({ host, port }: Endpoint, { ca, cert, key }: TlsTrust): Socket {
  // An address is no server name (RFC 6066, section 3); it is looked for among the certificate's addresses all the same.
  const servername = isIP(host) ? undefined : host;
  return connectTls({
    host,
    port,
    servername,
    ca: ca?.(),
    cert: cert?.(),
    key: key?.(),
    minVersion: 'TLSv1.2',
  });
}
