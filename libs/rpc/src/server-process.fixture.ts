import { createLogger } from '@flashmesh/telemetry';
import { MeshServer } from './mesh-server.ts';
import type { ServiceDefinitionLike } from './service-definition.ts';

/**
 * A server in a process of its own: `node server-process.fixture.ts` serves {@link Echo}, tells its port over IPC, and drains
 * and ends on SIGTERM. Messages are bytes, so that Node runs the file as it is.
 */
const bytes = {
  encode: (message: unknown) => ({ finish: () => message as Uint8Array }),
  decode: (message: Uint8Array) => message,
  create: (message = new Uint8Array()) => message,
};

export const Echo = {
  name: 'Echo',
  fullName: 'test.Echo',
  methods: {
    echo: {
      name: 'Echo',
      requestType: bytes,
      requestStream: false,
      responseType: bytes,
      responseStream: false,
    },
  },
} as const satisfies ServiceDefinitionLike;

if (process.argv[1] === import.meta.filename) {
  const logger = createLogger({ service: 'echo', instance: `echo-${process.pid}`, level: 'error' });
  const server = new MeshServer({ services: [Echo], host: '127.0.0.1', port: 0, logger });
  server.addHandler({ service: Echo.name, rpc: 'Echo' }, async (request: Uint8Array) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return request;
  });
  server.listen((error) => {
    if (error) throw new Error('the server did not start', { cause: error });
    process.send?.(server.port);
  });
  process.once('SIGTERM', () => void server.drain(10_000).then(() => process.exit(0)));
}
