import { FlashmeshError, sleep, unavailable } from '@flashmesh/core';
import { Client, credentials, Metadata, status as Status } from '@grpc/grpc-js';
import { EMPTY, NEVER, of } from 'rxjs';
import { callWithin, currentCall, runWithCall } from './call-context.ts';
import { HealthService } from './health-service.ts';
import { FakeNaming, Inventory, listening, LogLines, stockOf, TestServers, until } from './mesh.fixture.ts';
import { closeMeshClients, createMeshClient, type MeshClient } from './mesh-client.ts';
import { registerMeshResolver } from './mesh-resolver.ts';
import { MeshServer } from './mesh-server.ts';

const naming = new FakeNaming();
const servers = new TestServers();

beforeAll(() => registerMeshResolver(naming));
afterEach(async () => {
  closeMeshClients();
  await servers.stop();
  servers.log.lines.length = 0;
});

function clientOf(server: MeshServer, defaultDeadlineMs?: number): MeshClient<typeof Inventory> {
  return createMeshClient(Inventory, { target: `127.0.0.1:${server.port}`, defaultDeadlineMs });
}

describe('errors', () => {
  it('travel whole, besides their cause', async () => {
    const server = await servers.start(() => {
      throw new FlashmeshError('resource_exhausted', 'BUSY', 'zu viel los – später', {
        field: 'größe',
        retryAfterMs: 1500,
        cause: new Error('secret'),
      });
    });
    const error = await clientOf(server)
      .getStock({})
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(FlashmeshError);
    expect(error).toMatchObject({
      kind: 'resource_exhausted',
      code: 'BUSY',
      message: 'zu viel los – später',
      field: 'größe',
      retryAfterMs: 1500,
    });
    expect((error as Error).cause).toBeUndefined();
    expect(servers.log.lines).toEqual([]);
  });

  it.each([
    ['cancelled', Status.CANCELLED],
    ['invalid_argument', Status.INVALID_ARGUMENT],
    ['deadline_exceeded', Status.DEADLINE_EXCEEDED],
    ['not_found', Status.NOT_FOUND],
    ['already_exists', Status.ALREADY_EXISTS],
    ['permission_denied', Status.PERMISSION_DENIED],
    ['failed_precondition', Status.FAILED_PRECONDITION],
    ['aborted', Status.ABORTED],
    ['unimplemented', Status.UNIMPLEMENTED],
    ['internal', Status.INTERNAL],
    ['unavailable', Status.UNAVAILABLE],
    ['unauthenticated', Status.UNAUTHENTICATED],
  ] as const)('keep the kind %s, status %d for others', async (kind, code) => {
    const server = await servers.start(() => {
      throw new FlashmeshError(kind, 'CODE', 'half a pair: \ud83d');
    });
    await expect(clientOf(server).getStock({})).rejects.toMatchObject({ kind, code: 'CODE' });
    expect(await rawStatus(server)).toBe(code);
  });

  it('that nobody meant become INTERNAL for the caller and are logged with their cause', async () => {
    const server = await servers.start(() => {
      throw new TypeError('password is hunter2');
    });
    await expect(clientOf(server).getStock({})).rejects.toMatchObject({
      kind: 'internal',
      code: 'INTERNAL',
      message: 'internal error',
    });
    expect(servers.log.lines).toHaveLength(1);
    expect(servers.log.lines[0]).toContain('password is hunter2');
    expect(servers.log.lines[0]).toContain('/flashmesh.inventory.v1.InventoryService/GetStock');
  });

  it('of the transport have a safe message', async () => {
    const server = await servers.start(() => stockOf('a'));
    await expect(clientOf(server).restock({})).rejects.toMatchObject({
      kind: 'unimplemented',
      message: 'InventoryService does not know this method',
    });
  });
});

describe('a unary handler', () => {
  it.each([
    ['an empty Observable', () => EMPTY],
    ['undefined', () => undefined],
    ['an answer that cannot be encoded', () => ({ stock: { sku: 5, initial: 'x' } })],
  ])('that gives %s answers with an error', async (_what, handler) => {
    const server = await servers.start(handler);
    await expect(clientOf(server).getStock({})).rejects.toMatchObject({ kind: 'internal' });
    expect(servers.log.lines).toHaveLength(1);
  });

  it('answers once, with the first value', async () => {
    const server = await servers.start(() => of(stockOf('first'), stockOf('second')));
    expect((await clientOf(server).getStock({})).stock?.sku).toBe('first');
    expect(server.activeCalls).toBe(0);
  });

  it('hears that its caller gave up or ran out of time, and not when it answered', async () => {
    const heard: unknown[] = [];
    const server = await servers.start(async ({ sku }, call) => {
      call.signal.addEventListener('abort', () => heard.push(call.signal.reason));
      if (sku === 'fast') return stockOf('fast');
      await sleep(60_000, call.signal);
      return stockOf('never');
    });
    const client = clientOf(server);
    await client.getStock({ sku: 'fast' });
    await expect(client.getStock({}, { deadlineMs: 50 })).rejects.toMatchObject({
      kind: 'deadline_exceeded',
    });
    await until(() => heard.length === 1);
    // At the deadline both sides end the call: the caller's word may come before the server's own timer.
    expect(['deadline_exceeded', 'cancelled']).toContain((heard[0] as FlashmeshError).kind);
    const stop = new AbortController();
    const call = client.getStock({}, { signal: stop.signal });
    await until(() => server.activeCalls === 1);
    stop.abort();
    await expect(call).rejects.toMatchObject({ kind: 'cancelled' });
    await until(() => heard.length === 2);
    expect(heard[1]).toMatchObject({ kind: 'cancelled' });
    expect(server.activeCalls).toBe(0);
  });

  it('that returned an Observable is unsubscribed when the caller is gone', async () => {
    const server = await servers.start(() => NEVER);
    await expect(clientOf(server).getStock({}, { deadlineMs: 30 })).rejects.toMatchObject({
      kind: 'deadline_exceeded',
    });
    await until(() => server.activeCalls === 0);
    expect(servers.log.lines).toEqual([]);
  });

  it('sees the headers of the call', async () => {
    const server = await servers.start((_request, call) => stockOf(call.header('x-buyer') ?? 'nobody'));
    const client = clientOf(server);
    expect((await client.getStock({}, { metadata: { 'x-buyer': 'bob' } })).stock?.sku).toBe('bob');
    expect((await client.getStock({})).stock?.sku).toBe('nobody');
  });
});

describe('two hops', () => {
  it('share the first caller’s deadline and cancellation', async () => {
    const seen: { remaining?: number; aborted?: unknown } = {};
    const back = await servers.start(async (_request, call) => {
      seen.remaining = call.remainingMs();
      await sleep(60_000, call.signal).catch((error: unknown) => (seen.aborted = error));
      return stockOf('back');
    });
    const onward = clientOf(back, 30_000);
    const front = await servers.start(() => onward.getStock({ sku: 'via' }));
    const client = clientOf(front);

    await expect(client.getStock({}, { deadlineMs: 1000 })).rejects.toMatchObject({
      kind: 'deadline_exceeded',
    });
    expect(seen.remaining).toBeGreaterThan(0);
    expect(seen.remaining).toBeLessThanOrEqual(1000);
    await until(() => seen.aborted !== undefined);

    seen.aborted = undefined;
    const stop = new AbortController();
    const call = client.getStock({}, { signal: stop.signal, deadlineMs: 20_000 });
    await until(() => back.activeCalls === 1);
    stop.abort();
    await expect(call).rejects.toMatchObject({ kind: 'cancelled' });
    await until(() => seen.aborted !== undefined);
    expect(seen.aborted).toMatchObject({ kind: 'cancelled' });
  });

  it('pass an error through', async () => {
    const back = await servers.start(() => {
      throw unavailable('REBUILDING', 'the stock is being rebuilt', { retryAfterMs: 250 });
    });
    const onward = clientOf(back);
    const front = await servers.start(() => onward.getStock({}));
    await expect(clientOf(front).getStock({})).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'REBUILDING',
      retryAfterMs: 250,
    });
  });

  it('are not started when nothing is left of the time, or the caller is gone', async () => {
    let calls = 0;
    const server = await servers.start(() => {
      calls++;
      return stockOf('a');
    });
    const client = clientOf(server);
    const spent = callWithin(-1);
    await expect(runWithCall(spent, () => client.getStock({}))).rejects.toMatchObject({
      kind: 'deadline_exceeded',
      message: 'no time is left to call InventoryService',
    });
    const gone = callWithin(1000, AbortSignal.abort());
    await expect(runWithCall(gone, () => client.getStock({}))).rejects.toMatchObject({ kind: 'cancelled' });
    expect(calls).toBe(0);
    expect(currentCall()).toBeUndefined();
  });
});

describe('a drain', () => {
  const asNewCaller = (server: MeshServer) =>
    createMeshClient(Inventory, {
      target: `127.0.0.1:${server.port}`,
      channelOptions: { 'grpc.use_local_subchannel_pool': 1 },
    });

  it('lets a running call finish, and takes no new ones in the end', async () => {
    const server = await servers.start(async () => {
      await sleep(150);
      return stockOf('finished');
    });
    const running = clientOf(server, 20_000).getStock({});
    await until(() => server.activeCalls === 1);
    const drained = server.drain(20_000);
    expect((await running).stock?.sku).toBe('finished');
    await drained;
    await expect(asNewCaller(server).getStock({}, { deadlineMs: 80 })).rejects.toMatchObject({
      kind: 'deadline_exceeded',
    });
    expect(server.drain(1)).toBe(server.close());
  });

  it('serves callers that have not heard of it yet', async () => {
    const server = await servers.start(() => stockOf('served'));
    const client = clientOf(server);
    await client.getStock({});
    let drained = false;
    const drain = server.drain(10_000).then(() => (drained = true));
    for (let i = 0; i < 10; i++) {
      expect((await client.getStock({})).stock?.sku).toBe('served');
      expect((await asNewCaller(server).getStock({})).stock?.sku).toBe('served');
      await sleep(30);
    }
    expect(drained).toBe(false);
    await drain;
  });

  it('that runs out answers UNAVAILABLE in the handlers’ place and stops them', async () => {
    let aborted: unknown;
    const server = await servers.start((_request, call) =>
      sleep(60_000, call.signal).catch((error: unknown) => {
        aborted = error;
        throw error;
      }),
    );
    const running = clientOf(server, 10_000).getStock({});
    const outcome = running.catch((error: unknown) => error);
    await until(() => server.activeCalls === 1);
    const startedAt = Date.now();
    await server.drain(50);
    expect(await outcome).toMatchObject({ kind: 'unavailable', code: 'SHUTTING_DOWN' });
    expect(Date.now() - startedAt).toBeLessThan(500);
    expect(aborted).toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe('listening', () => {
  it('fails on a port in use and on a handler without a definition', async () => {
    const { logger } = new LogLines();
    const first = await servers.start(() => stockOf('a'));
    const options = { services: [Inventory], host: '127.0.0.1', logger };
    await expect(listening(new MeshServer({ ...options, port: first.port }))).rejects.toMatchObject({
      code: 'CANNOT_LISTEN',
    });
    const stray = new MeshServer({ ...options, port: 0 });
    stray.addHandler({ service: 'OtherService', rpc: 'Do' }, () => Promise.resolve());
    await expect(listening(stray)).rejects.toThrow('no definition for the handlers of OtherService/Do');
  });
});

describe('health', () => {
  it('answers checks and watches, and says goodbye before the server stops', async () => {
    const server = await servers.start(() => stockOf('a'));
    const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
    const { check, watch } = new HealthService([]).definition;
    const ask = (service: string) =>
      new Promise((resolve) => {
        client.makeUnaryRequest(
          check.path,
          check.requestSerialize,
          check.responseDeserialize,
          { service },
          (error, value) => resolve(error ? error.code : value),
        );
      });
    expect(await ask('')).toBe(1);
    expect(await ask(Inventory.fullName)).toBe(1);
    expect(await ask('nothing')).toBe(Status.NOT_FOUND);
    const seen: unknown[] = [];
    const stream = client.makeServerStreamRequest(
      watch.path,
      watch.requestSerialize,
      watch.responseDeserialize,
      { service: '' },
      new Metadata(),
    );
    const ended = new Promise((resolve) => stream.on('end', resolve));
    stream.on('data', (value) => seen.push(value));
    await until(() => seen.length === 1);
    server.setServing(false);
    await until(() => seen.length === 2);
    server.setServing(true);
    await until(() => seen.length === 3);
    await server.drain(1000);
    await ended;
    expect(seen).toEqual([1, 2, 1, 2]);
    client.close();
  });
});

/** The status code that any gRPC client sees. */
function rawStatus(server: MeshServer): Promise<Status | undefined> {
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const path = `/${Inventory.fullName}/${Inventory.methods.getStock.name}`;
  const asIs = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), (error) => {
      client.close();
      resolve(error?.code);
    });
  });
}
