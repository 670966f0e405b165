/**
 * `node serve.ts N [CERTIFICATES]`: N plain grpc-js servers in one process, each with a port of its own, under mutual TLS when
 * certificates (JSON, files) are given; writes the ports as one line of JSON.
 */
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import { type CertificateFiles, readCertificates } from './certificates.ts';
import { grpcEcho } from './echo.ts';

const [count = '0', files] = process.argv.slice(2);
const credentials =
  files === undefined ? ServerCredentials.createInsecure() : mutualTls(JSON.parse(files) as CertificateFiles);
const ports: number[] = [];
for (let i = 0; i < Number(count); i++) {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  server.addService(grpcEcho, {
    call: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) =>
      respond(null, call.request),
  });
  ports.push(
    await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port)));
    }),
  );
}
process.stdout.write(`${JSON.stringify(ports)}\n`);

function mutualTls(paths: CertificateFiles): ServerCredentials {
  const { cert, key, ca } = readCertificates(paths);
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}
