import {
  Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type status as Status,
} from '@grpc/grpc-js';
import { FakeNaming, until } from './mesh.fixture.ts';
import { closeMeshClients, createMeshClient, type MeshClientOptions } from './mesh-client.ts';
import { registerMeshResolver } from './mesh-resolver.ts';
import { type ChannelSnapshot, type EndpointSnapshot, meshSnapshot } from './mesh-snapshot.ts';
import { pathOf } from './service-definition.ts';
import { Echo, type EchoResponse } from './testing/echo.ts';

export type RawCall = ServerUnaryCall<unknown, EchoResponse>;
export type Handler = (call: RawCall, respond: sendUnaryData<EchoResponse>) => void;

export interface PlainServer {
  readonly port: number;
  /** What came in. */
  readonly calls: RawCall[];
}

const naming = new FakeNaming();
let servers: Server[] = [];
let service = '';
let services = 0;

/** Every test of the file gets a service of its own, and its clients and servers are closed after it. */
export function usePlainServers(): void {
  beforeAll(() => registerMeshResolver(naming));
  beforeEach(() => {
    service = `plain-${++services}`;
  });
  afterEach(() => {
    closeMeshClients();
    for (const server of servers) server.forceShutdown();
    servers = [];
  });
}

/** A plain server: trailers and statuses are the test's own. */
export async function serve(handler: Handler): Promise<PlainServer> {
  const server = new Server();
  const calls: RawCall[] = [];
  servers.push(server);
  const methods = Object.entries(Echo.methods).map(([name, method]) => [
    name,
    {
      path: pathOf(Echo, method),
      requestStream: false,
      responseStream: false,
      requestSerialize: (bytes: Buffer) => bytes,
      requestDeserialize: (bytes: Buffer) => method.requestType.decode(bytes),
      responseSerialize: (message: EchoResponse) => Buffer.from(method.responseType.encode(message).finish()),
      responseDeserialize: (bytes: Buffer) => bytes,
    },
  ]);
  const handle = (call: RawCall, respond: sendUnaryData<EchoResponse>) => {
    calls.push(call);
    handler(call, respond);
  };
  server.addService(Object.fromEntries(methods), { read: handle, write: handle });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    );
  });
  return { port, calls };
}

export const answer =
  (text: string, delayMs = 0): Handler =>
  (_call, respond) =>
    void setTimeout(() => respond(null, { text, pid: 0 }), delayMs);

export const refuse =
  (code: Status, trailers: Record<string, string> = {}): Handler =>
  (_call, respond) => {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
    respond({ code, details: 'on purpose', metadata });
  };

/** The test's service. */
export const target = () => `zk:///${service}`;

/** Its instances. */
export function say(...instances: readonly PlainServer[]): void {
  naming.say(service, ...instances.map(({ port }) => port));
}

/** Calls in turn, and the breaker does not step in: what is tried where is known. */
export function connect(options: Partial<MeshClientOptions<typeof Echo>> = {}) {
  return createMeshClient(Echo, {
    target: target(),
    balancing: { policy: 'round_robin' },
    breaker: { consecutiveFailures: 1000, silentTimeouts: 1000, successRate: 0 },
    ...options,
  });
}

export function snapshot(): ChannelSnapshot {
  const found = meshSnapshot().find((channel) => channel.target === target());
  if (!found) throw new Error(`no channel to ${service}`);
  return found;
}

export function endpointOf({ port }: PlainServer): EndpointSnapshot {
  const found = snapshot().endpoints.find(({ address }) => address.endsWith(`:${port}`));
  if (!found) throw new Error(`no endpoint at ${port}`);
  return found;
}

export async function connected(count: number): Promise<void> {
  await until(() => snapshot().endpoints.filter(({ state }) => state === 'ready').length === count);
}
