import { createMeshClient, registerMeshResolver } from '@flashmesh/rpc';
import { Client, credentials, Metadata, status as Status } from '@grpc/grpc-js';
import { Echo, PATH, PAYLOAD } from './echo.ts';

/** Makes one call. */
export type Call = () => Promise<unknown>;

/** Long enough for a machine that does other things; what it costs does not depend on it. */
const DEADLINE_MS = 60_000;
const same = (bytes: Buffer) => bytes;

/** grpc-js' own client with its own round robin and a deadline: what a careful user would have without us. */
function plain(ports: readonly number[], reuse: boolean): Call {
  const target = `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
  const client = new Client(target, credentials.createInsecure(), {
    'grpc.service_config': JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    'grpc.enable_channelz': 0,
  });
  if (reuse) return rawCall(client);
  return () =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        PATH,
        same,
        same,
        PAYLOAD,
        { deadline: Date.now() + DEADLINE_MS },
        (error, answer) => (error ? reject(error) : resolve(answer)),
      );
    });
}

/** The channel beneath that client, called as the mesh does: what is left of the difference is balancing and retries. */
function rawCall(client: Client): Call {
  const channel = client.getChannel();
  return () =>
    new Promise((resolve, reject) => {
      const call = channel.createCall(PATH, Date.now() + DEADLINE_MS, null, null, null);
      let answer: Buffer | undefined;
      call.start(new Metadata(), {
        onReceiveMetadata() {},
        onReceiveMessage(bytes: Buffer) {
          answer = bytes;
        },
        onReceiveStatus: ({ code, details }) =>
          code === Status.OK ? resolve(answer) : reject(new Error(details)),
      });
      call.startRead();
      call.sendMessageWithContext({}, PAYLOAD);
      call.halfClose();
    });
}

/** The mesh with everything on that a client has by default. */
function mesh(ports: readonly number[], options: object): Call {
  const instances = ports.map((port) => ({
    id: `i-${port}`,
    address: `127.0.0.1:${port}`,
    version: '1',
    zone: 'bench',
    weight: 1,
  }));
  registerMeshResolver(
    {
      watch(_service, listener) {
        listener(instances);
        return () => undefined;
      },
    },
    { zone: 'bench' },
  );
  const client = createMeshClient(Echo, {
    target: 'zk:///echo',
    defaultDeadlineMs: DEADLINE_MS,
    ...options,
  });
  return () => client.call(PAYLOAD);
}

export const callers: Readonly<Record<string, (ports: readonly number[]) => Call>> = {
  'grpc-js': (ports) => plain(ports, false),
  'grpc-js-channel': (ports) => plain(ports, true),
  mesh: (ports) => mesh(ports, {}),
  'mesh-hedged': (ports) => mesh(ports, { methods: { call: { hedge: { percentile: 0.999 } } } }),
  'mesh-round-robin': (ports) => mesh(ports, { balancing: { policy: 'round_robin' } }),
};
