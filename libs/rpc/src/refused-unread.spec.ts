import { once } from 'node:events';
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { sleep } from '@flashmesh/core';
import { Echo } from './testing/echo.ts';
import { closeMeshClients, createMeshClient } from './mesh-client.ts';
import { listening, LogLines } from './mesh.fixture.ts';
import { MeshServer } from './mesh-server.ts';
import { type EndpointSnapshot, meshSnapshot } from './mesh-snapshot.ts';

/** What a byte takes from one end to the other: there are always calls that are on their way. */
const DISTANCE_MS = 30;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  closeMeshClients();
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
});

function clientOf(port: number) {
  const target = `127.0.0.1:${port}`;
  const endpoint = (): EndpointSnapshot | undefined =>
    meshSnapshot().find((channel) => channel.target === target)?.endpoints[0];
  return { client: createMeshClient(Echo, { target, defaultDeadlineMs: 30_000 }), endpoint };
}

/** A network with a distance, between callers and a server. */
class FarAway {
  connections = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  constructor(port: number) {
    this.server = createServer((near) => {
      this.connections++;
      const far = connect(port, '127.0.0.1');
      this.carry(near, far);
      this.carry(far, near);
    });
  }

  async listen(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private carry(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.on('data', (bytes) => setTimeout(() => to.writable && to.write(bytes), DISTANCE_MS));
    from.on('end', () => setTimeout(() => to.end(), DISTANCE_MS));
    from.on('error', () => to.destroy());
    from.on('close', () => this.sockets.delete(from));
  }
}

type Answer = (stream: ServerHttp2Stream) => void;

/** A server below gRPC. */
async function serve(answer: Answer): Promise<{ readonly port: number; readonly streams: unknown[] }> {
  const server: Http2Server = createHttp2Server();
  const streams: unknown[] = [];
  server.on('stream', (stream: ServerHttp2Stream) => {
    streams.push(stream);
    stream.on('error', () => undefined);
    answer(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanUps.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, streams };
}

const refuse: Answer = (stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM);

const succeed: Answer = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const message = Buffer.from(JSON.stringify({ text: 'read', pid: 1 }));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  stream.end(Buffer.concat([head, message]));
};

/** As a server does that passes on what a call of its own has come to. */
const passOn: Answer = (stream) =>
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': '14',
      'grpc-message': 'Stream refused by server',
    },
    { endStream: true },
  );

describe('a call that a server refuses to read', () => {
  it('is sent again until one does, whatever its method does', async () => {
    const server = await serve((stream) => (server.streams.length <= 5 ? refuse : succeed)(stream));
    const { client, endpoint } = clientOf(server.port);
    expect((await client.write({})).text).toBe('read');
    expect(server.streams).toHaveLength(6);
    expect(endpoint()).toMatchObject({ failures: 0, ejections: 0, answers: 1 });
  });

  it('is not sent again for ever', async () => {
    const server = await serve(refuse);
    const { client } = clientOf(server.port);
    await expect(client.write({})).rejects.toMatchObject({ kind: 'unavailable' });
    // The first and three more, each of which grpc-js sends twice.
    expect(server.streams).toHaveLength(8);
  });

  it('is not taken for one when somebody has read it, and says the same of another call', async () => {
    const server = await serve(passOn);
    const { client, endpoint } = clientOf(server.port);
    await expect(client.write({})).rejects.toMatchObject({ kind: 'unavailable' });
    expect(server.streams).toHaveLength(1);
    expect(endpoint()).toMatchObject({ failures: 1 });
  });
});

describe('connections that are closed because of their age', () => {
  it('are no failures of the server, however many calls were on their way', async () => {
    const server = new MeshServer({
      services: [Echo],
      host: '127.0.0.1',
      port: 0,
      logger: new LogLines().logger,
      channelOptions: { 'grpc.max_connection_age_ms': 200 },
    });
    for (const rpc of ['Read', 'Write']) {
      server.addHandler({ service: Echo.name, rpc }, async () => ({ text: '', pid: 1 }));
    }
    cleanUps.push(() => server.drain(0));
    await listening(server);
    const network = new FarAway(server.port);
    cleanUps.push(() => network.close());
    const { client, endpoint } = clientOf(await network.listen());
    const calls: Promise<unknown>[] = [];
    while (network.connections < 5) {
      calls.push(client.write({}));
      await sleep(2);
    }
    await Promise.all(calls);
    // Each that was refused was sent again.
    expect(endpoint()?.attempts).toBeGreaterThan(calls.length);
    expect(endpoint()).toMatchObject({ failures: 0, ejections: 0, answers: calls.length });
  });
});
