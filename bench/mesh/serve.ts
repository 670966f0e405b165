/** `node serve.ts N`: N plain grpc-js servers in one process, each with a port of its own; writes the ports as one line of JSON. */
import { type sendUnaryData, Server, ServerCredentials, type ServerUnaryCall } from '@grpc/grpc-js';
import { PATH } from './echo.ts';

const same = (bytes: Buffer) => bytes;
const ports: number[] = [];
for (let i = 0; i < Number(process.argv[2]); i++) {
  const server = new Server({ 'grpc.enable_channelz': 0 });
  server.addService(
    {
      call: {
        path: PATH,
        requestStream: false,
        responseStream: false,
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      },
    },
    {
      call: (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) =>
        respond(null, call.request),
    },
  );
  ports.push(
    await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    }),
  );
}
process.stdout.write(`${JSON.stringify(ports)}\n`);
