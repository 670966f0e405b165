import { connect } from 'node:tls';
import {
  Client,
  type ChannelCredentials,
  credentials,
  type ServiceError,
  status as Status,
} from '@grpc/grpc-js';
import type { Issued } from './certificates.ts';

/** Any gRPC client's: it checks that the server's certificate is the authority's, and shows what it is given. */
export function foreignCredentials(authority: string, shown?: Issued): ChannelCredentials {
  const [key, cert] = [shown && Buffer.from(shown.key), shown && Buffer.from(shown.cert)];
  return credentials.createSsl(Buffer.from(authority), key, cert, { checkServerIdentity: () => undefined });
}

/** The status of one call to `path` over a connection of its own, and the words with it. @param request as it is sent. */
export function foreignCall(
  port: number,
  path: string,
  as: ChannelCredentials,
  request = Buffer.alloc(0),
): Promise<[Status, string]> {
  const client = new Client(`127.0.0.1:${port}`, as, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.ssl_target_name_override': 'any.name',
  });
  const asIs = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    const done = (error: ServiceError | null) => {
      client.close();
      resolve([error?.code ?? Status.OK, error?.details ?? '']);
    };
    client.makeUnaryRequest(path, asIs, asIs, request, { deadline: Date.now() + 5000 }, done);
  });
}

/** The certificate that a new connection is shown, PEM. */
export function serverCertificate(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] },
      () => {
        resolve(`${socket.getPeerX509Certificate()?.toString()}`);
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}
