import { sleep } from '@flashmesh/core';
import { Client, credentials, type ServiceError, status as Status } from '@grpc/grpc-js';
import { ANYONE, defineRules } from '../guard/rules.ts';
import { listening, LogLines, until } from '../mesh.fixture.ts';
import { closeMeshClients, createMeshClient } from '../mesh-client.ts';
import { MeshServer } from '../mesh-server.ts';
import { pathOf } from '../service-definition.ts';
import { Echo } from '../testing/echo.ts';

const rules = defineRules(Echo, {
  read: { callers: [ANYONE], priority: 'critical' },
  write: { callers: [ANYONE] },
});

/** A server with room for two calls, and whose calls wait until they are let go. */
class FullServer {
  readonly server = new MeshServer({
    services: [Echo],
    host: '127.0.0.1',
    port: 0,
    logger: new LogLines().logger,
    rules: [rules],
    overload: { minLimit: 1, maxLimit: 2, pushbackMs: 123 },
  });
  private readonly held: (() => void)[] = [];

  constructor() {
    for (const rpc of ['Read', 'Write']) {
      this.server.addHandler({ service: Echo.name, rpc }, async () => {
        await new Promise<void>((resolve) => this.held.push(resolve));
        return { text: 'done', pid: 1 };
      });
    }
  }

  get underWay(): number | undefined {
    return this.server.overload?.underWay;
  }

  letGo(): void {
    for (const go of this.held.splice(0)) go();
  }
}

describe('a server that has too much to do', () => {
  let full: FullServer;
  let client: ReturnType<typeof connect>;
  const connect = () => createMeshClient(Echo, { target: `127.0.0.1:${full.server.port}` });

  beforeEach(async () => {
    full = new FullServer();
    await listening(full.server);
    client = connect();
  });
  afterEach(async () => {
    full.letGo();
    closeMeshClients();
    await full.server.drain(0);
  });

  it('refuses what is beyond its limit, says when to come again, and takes what is critical', async () => {
    const running = [client.write({}), client.write({})];
    await until(() => full.underWay === 2);
    await expect(client.write({})).rejects.toMatchObject({
      kind: 'resource_exhausted',
      code: 'OVERLOADED',
      retryAfterMs: 123,
    });
    const refused = await rawError(full.server.port);
    expect(refused.code).toBe(Status.RESOURCE_EXHAUSTED);
    expect(refused.metadata.get('grpc-retry-pushback-ms')).toEqual(['123']);
    const critical = client.read({});
    await until(() => full.underWay === 3);
    full.letGo();
    expect(await Promise.all([...running, critical])).toHaveLength(3);
    expect(full.server.overload).toMatchObject({ underWay: 0, shed: 2 });
  });

  it('has room again when callers leave, or their time runs out', async () => {
    const leaving = new AbortController();
    const left = client.write({}, { signal: leaving.signal });
    const late = client.write({}, { deadlineMs: 300 });
    await until(() => full.underWay === 2);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ kind: 'cancelled' });
    await until(() => full.underWay === 1);
    await expect(late).rejects.toMatchObject({ kind: 'deadline_exceeded' });
    await until(() => full.underWay === 0);
    const next = client.write({});
    await until(() => full.underWay === 1);
    full.letGo();
    await next;
    // Handlers that end after their callers leave nothing twice.
    await sleep(10);
    expect(full.underWay).toBe(0);
  });
});

/** What a program without a mesh is told. */
function rawError(port: number): Promise<ServiceError> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const asIs = (bytes: Buffer) => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(pathOf(Echo, Echo.methods.write), asIs, asIs, Buffer.from('{}'), (error) => {
      client.close();
      if (error) resolve(error);
      else reject(new Error('it was not refused'));
    });
  });
}
