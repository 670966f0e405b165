import { sleep } from '@flashmesh/core';
import type { Server } from 'node:net';
import { FakeNaming, instance, Inventory, stockOf, TestServers, until } from './mesh.fixture.ts';
import { MeshChannel } from './mesh-channel.ts';
import { closeMeshClients, createMeshClient, type MeshClientOptions } from './mesh-client.ts';
import type { MeshServer } from './mesh-server.ts';
import { registerMeshResolver } from './mesh-resolver.ts';

const naming = new FakeNaming();
const servers = new TestServers();
let services = 0;

beforeAll(() => registerMeshResolver(naming));
afterEach(async () => {
  closeMeshClients();
  await servers.stop();
});

/** A client of a service that no other test knows. */
function freshClient(options: Omit<MeshClientOptions<typeof Inventory>, 'target'> = {}) {
  const service = `inventory-${++services}`;
  return { service, client: createMeshClient(Inventory, { target: `zk:///${service}`, ...options }) };
}

/** Calls in turn, so that they can be counted. */
const IN_TURN = { balancing: { policy: 'round_robin', warmUpMs: 0 } } as const;

async function ask(
  client: ReturnType<typeof freshClient>['client'],
  times: number,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < times; i++) {
    const { stock } = await client.getStock({ sku: 's' });
    counts[stock?.sku ?? ''] = (counts[stock?.sku ?? ''] ?? 0) + 1;
  }
  return counts;
}

describe('a mesh client', () => {
  it('spreads its calls evenly over the instances', async () => {
    const a = await servers.start(() => stockOf('a'));
    const b = await servers.start(() => stockOf('b'));
    const { service, client } = freshClient(IN_TURN);
    naming.say(service, a.port, b.port);
    await settled(client, 2);
    expect(await ask(client, 20)).toEqual({ a: 10, b: 10 });
  });

  it('follows naming without reconnecting the instances that stay', async () => {
    const a = await servers.start(() => stockOf('a'));
    const b = await servers.start(() => stockOf('b'));
    const connections = countConnections(a);
    const { service, client } = freshClient(IN_TURN);
    naming.say(service, a.port);
    expect(await ask(client, 4)).toEqual({ a: 4 });
    naming.say(service, a.port, b.port);
    await settled(client, 2);
    expect(await ask(client, 10)).toEqual({ a: 5, b: 5 });
    for (let i = 0; i < 5; i++) {
      naming.sayInstances(service, [{ ...instance(a.port), version: String(i) }, instance(b.port)]);
      await ask(client, 2);
    }
    naming.say(service, a.port);
    await sleep(20);
    expect(await ask(client, 6)).toEqual({ a: 6 });
    expect(connections()).toBe(1);
  });

  it('takes an instance of weight 0 out', async () => {
    const a = await servers.start(() => stockOf('a'));
    const b = await servers.start(() => stockOf('b'));
    const { service, client } = freshClient();
    naming.sayInstances(service, [instance(a.port), { ...instance(b.port), weight: 0 }]);
    expect(await ask(client, 6)).toEqual({ a: 6 });
  });

  it('goes on with the others when a server is gone that naming still knows', async () => {
    const a = await servers.start(() => stockOf('a'));
    const b = await servers.start(() => stockOf('b'));
    const { service, client } = freshClient();
    naming.say(service, a.port, b.port);
    await settled(client, 2);
    await a.drain(0);
    expect(await ask(client, 20)).toEqual({ b: 20 });
  });

  it('connects again to one that drained and lost its connection, when it serves after all, and not before', async () => {
    const a = await servers.start(() => stockOf('a'));
    const b = await servers.start(() => stockOf('b'));
    const { service, client } = freshClient(IN_TURN);
    const say = (state?: 'draining') =>
      naming.sayInstances(service, [{ ...instance(a.port), state }, instance(b.port)]);
    const connected = () => {
      const channel = [...MeshChannel.all()].find(({ target }) => target === `zk:///${service}`);
      return channel?.endpoints.endpoints.filter(({ ready }) => ready).length;
    };
    say();
    await settled(client, 2);
    say('draining');
    await ask(client, 2);
    await a.drain(0);
    await until(() => connected() === 1);
    const connections = countConnections(await servers.start(() => stockOf('a again'), a.port));
    expect(await ask(client, 20)).toEqual({ b: 20 });
    expect([connected(), connections()]).toEqual([1, 0]);
    say();
    await until(() => connected() === 2);
    expect(await ask(client, 10)).toEqual({ 'a again': 5, b: 5 });
  });

  it('connects again to one that drains when there is nobody else', async () => {
    const a = await servers.start(() => stockOf('a'));
    const { service, client } = freshClient();
    naming.sayInstances(service, [{ ...instance(a.port), state: 'draining' }]);
    await ask(client, 2);
    await a.drain(0);
    await servers.start(() => stockOf('a again'), a.port);
    expect(await ask(client, 2)).toEqual({ 'a again': 2 });
  });

  it('fails at once when naming knows no instance, first or later', async () => {
    const { service, client } = freshClient();
    const startedAt = Date.now();
    const early = client.getStock({ sku: 's' });
    await sleep(20);
    naming.say(service);
    await expect(early).rejects.toMatchObject({
      kind: 'unavailable',
      message: 'InventoryService cannot be reached',
    });
    await expect(client.getStock({ sku: 's' })).rejects.toMatchObject({
      kind: 'unavailable',
      retryAfterMs: 500,
    });
    expect(Date.now() - startedAt).toBeLessThan(1000);
    const a = await servers.start(() => stockOf('a'));
    naming.say(service, a.port);
    await sleep(1);
    expect(await ask(client, 2)).toEqual({ a: 2 });
    naming.say(service);
    await sleep(1);
    await expect(client.getStock({ sku: 's' })).rejects.toMatchObject({ kind: 'unavailable' });
    naming.say(service, a.port);
    await sleep(1);
    expect(await ask(client, 2)).toEqual({ a: 2 });
  });

  it('waits for a connection within its deadline', async () => {
    const { service, client } = freshClient();
    const placeholder = await servers.start(() => stockOf('old'));
    const { port } = placeholder;
    await placeholder.drain(0);
    naming.say(service, port);
    const answer = client.getStock({ sku: 's' });
    await sleep(50);
    await servers.start(() => stockOf('late'), port);
    expect((await answer).stock?.sku).toBe('late');
  });

  it('subscribes to naming again after it was idle', async () => {
    const a = await servers.start(() => stockOf('a'));
    const service = `inventory-${++services}`;
    const client = createMeshClient(Inventory, {
      target: `zk:///${service}`,
      channelOptions: { 'grpc.client_idle_timeout_ms': 1000 },
    });
    naming.say(service, a.port);
    const before = naming.watching;
    await ask(client, 1);
    expect(naming.watching).toBe(before + 1);
    await until(() => naming.watching === before);
    expect(await ask(client, 2)).toEqual({ a: 2 });
    expect(naming.watching).toBe(before + 1);
  });

  it('shares one channel per target', async () => {
    const a = await servers.start(() => stockOf('a'));
    const { service, client } = freshClient();
    const other = createMeshClient(Inventory, { target: `zk:///${service}` });
    naming.say(service, a.port);
    await ask(client, 2);
    await ask(other, 2);
    expect(naming.watches.filter((watched) => watched === service)).toHaveLength(1);
  });

  it('gives every call a deadline', async () => {
    const server = await servers.start((_request, call) => sleep(60_000, call.signal));
    const { service, client } = freshClient({ defaultDeadlineMs: 100 });
    naming.say(service, server.port);
    await expect(client.getStock({ sku: 's' })).rejects.toMatchObject({ kind: 'deadline_exceeded' });
    await expect(client.getStock({ sku: 's' }, { deadlineMs: 30 })).rejects.toMatchObject({
      kind: 'deadline_exceeded',
      message: 'InventoryService did not answer in time',
    });
    expect(() => freshClient({ defaultDeadlineMs: 0 })).toThrow(
      'defaultDeadlineMs must be a positive integer, got 0',
    );
  });

  it('ends with its signal', async () => {
    let aborted: unknown;
    const server = await servers.start(async (_request, call) => {
      await sleep(60_000, call.signal).catch((error: unknown) => (aborted = error));
      return stockOf('too late');
    });
    const { service, client } = freshClient();
    naming.say(service, server.port);
    const stop = new AbortController();
    const call = client.getStock({ sku: 's' }, { signal: stop.signal });
    setTimeout(() => stop.abort(), 50);
    await expect(call).rejects.toMatchObject({ kind: 'cancelled' });
    await until(() => aborted !== undefined);
    expect(aborted).toMatchObject({ kind: 'cancelled' });
    await expect(client.getStock({ sku: 's' }, { signal: stop.signal })).rejects.toMatchObject({
      kind: 'cancelled',
    });
  });

  it('is refused after the clients were closed', async () => {
    const { client } = freshClient();
    closeMeshClients();
    await expect(client.getStock({ sku: 's' })).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
  });
});

/** Waits until calls reach `expected` different instances: connections are made one after the other. */
async function settled(client: ReturnType<typeof freshClient>['client'], expected: number): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (Object.keys(await ask(client, 2 * expected)).length === expected) return;
    await sleep(5);
  }
}

/** Counts the connections that the server accepts from now on. */
function countConnections(server: MeshServer): () => number {
  const { http2Servers } = server.unwrap<{ http2Servers: Map<Server, unknown> }>();
  let accepted = 0;
  for (const listener of http2Servers.keys()) listener.on('connection', () => accepted++);
  return () => accepted;
}
