import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TlsTrust } from '@flashmesh/core';
import type { Endpoint } from './host-list.ts';

/**
 * Begins to connect, with TLS where that is asked for; the certificate must then be signed by an authority that is trusted, and be
 * made out to the host that was asked for.
 *
 * @param onReady called when bytes can be sent.
 * @throws Error when a certificate or key cannot be read, or they do not belong together.
 */
export function openSocket(endpoint: Endpoint, tls: TlsTrust | undefined, onReady: () => void): Socket {
  const socket = tls ? openTls(endpoint, tls) : connectPlain(endpoint);
  socket.setNoDelay(true);
  socket.once(tls ? 'secureConnect' : 'connect', onReady);
  return socket;
}

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
