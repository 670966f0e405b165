import 'reflect-metadata';
import { inventory } from '@flashmesh/contracts';
import { FlashmeshError, invalidArgument, sleep } from '@flashmesh/core';
import {
  type CallHandler,
  type CanActivate,
  Controller,
  type ExecutionContext,
  type INestMicroservice,
  Module,
  type NestInterceptor,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import type { Server } from '@grpc/grpc-js';
import { NestFactory } from '@nestjs/core';
import { EMPTY, interval, map, type Observable, of, range, throwError } from 'rxjs';
import type { CallContext } from './call-context.ts';
import type { IncomingCall } from './incoming-call.ts';
import { LogLines, stockOf, until } from './mesh.fixture.ts';
import { closeMeshClients } from './mesh-client.ts';
import { meshSnapshot } from './mesh-snapshot.ts';
import { createMeshStreams, type MeshStreams } from './mesh-streams.ts';
import { MeshServer } from './mesh-server.ts';
import { Rpc } from './rpc.decorator.ts';
import type { RpcHandlers } from './service-definition.ts';

const messages = { requestType: inventory.GetStockRequest, responseType: inventory.GetStockResponse };
const Streams = {
  name: 'Streams',
  fullName: 'test.Streams',
  methods: {
    watch: { name: 'Watch', ...messages, requestStream: false, responseStream: true },
    watchRx: { name: 'WatchRx', ...messages, requestStream: false, responseStream: true },
    collect: { name: 'Collect', ...messages, requestStream: true, responseStream: false },
    chat: { name: 'Chat', ...messages, requestStream: true, responseStream: true },
  },
} as const;

type Stock = inventory.GetStockResponse;
type Ask = inventory.GetStockRequest;

const probe = { made: 0, taken: 0, left: 0, calls: [] as CallContext[] };
/** About 100 kB a message: a few fill every buffer on the way. */
const big = () => stockOf('x'.repeat(100_000));

class NoStrangers implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToRpc().getContext<IncomingCall>().header('x-stranger') === undefined;
  }
}

class Marker implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const call = context.switchToRpc().getContext<IncomingCall>();
    return call.header('x-mark') === undefined
      ? next.handle()
      : next.handle().pipe(map((value: Stock) => stockOf(`marked ${value.stock?.sku}`)));
  }
}

@Controller()
@UseGuards(NoStrangers)
class StreamsController implements RpcHandlers<typeof Streams> {
  @Rpc(Streams, 'watch')
  async *watch({ sku }: Ask, call: CallContext): AsyncGenerator<Stock> {
    probe.calls.push(call);
    try {
      if (sku === 'refused') throw invalidArgument('sku', 'is refused');
      for (let i = 0; ; i++) {
        if (i === (sku === 'three' ? 3 : 500)) return;
        if (sku === 'breaks' && i === 2) throw new FlashmeshError('aborted', 'BROKE', 'in the middle');
        if (sku === 'bug' && i === 1) throw new TypeError('secret');
        probe.made++;
        yield sku === 'long' ? big() : stockOf(`${sku} ${i}`);
      }
    } finally {
      probe.left++;
    }
  }

  @Rpc(Streams, 'watchRx')
  @UseInterceptors(Marker)
  watchRx({ sku }: Ask): Observable<Stock> {
    if (sku === 'none') return EMPTY;
    if (sku === 'error') return throwError(() => new FlashmeshError('not_found', 'GONE', 'gone'));
    if (sku === 'slow') return interval(20).pipe(map((i) => stockOf(`${i}`)));
    if (sku === 'flood') return range(0, 1500).pipe(map(big));
    return of(stockOf('a'), stockOf('b'));
  }

  @Rpc(Streams, 'collect')
  async collect(requests: AsyncIterable<Ask>, call: CallContext): Promise<Stock> {
    probe.calls.push(call);
    const seen: string[] = [];
    for await (const { sku } of requests) {
      probe.taken++;
      if (sku === 'stop') return stockOf('enough');
      if (sku.length > 1000) await sleep(10, call.signal);
      else seen.push(sku);
    }
    return stockOf(seen.join());
  }

  @Rpc(Streams, 'chat')
  async *chat(requests: AsyncIterable<Ask>): AsyncGenerator<Stock> {
    for await (const { sku } of requests) yield stockOf(`re: ${sku}`);
    yield stockOf('bye');
  }
}

@Module({ controllers: [StreamsController] })
class StreamsModule {}

const log = new LogLines();
let app: INestMicroservice;
let server: MeshServer;
let client: MeshStreams<typeof Streams>;

beforeAll(async () => {
  server = new MeshServer({ services: [Streams], host: '127.0.0.1', port: 0, logger: log.logger });
  app = await NestFactory.createMicroservice(StreamsModule, { strategy: server, logger: false });
  await app.listen();
  client = createMeshStreams(Streams, { target: `127.0.0.1:${server.port}` });
});
afterEach(() => {
  Object.assign(probe, { made: 0, taken: 0, left: 0, calls: [] });
  log.lines.length = 0;
});
afterAll(async () => {
  closeMeshClients();
  await app.close();
});

async function all(stream: AsyncIterable<Stock>, into: (string | undefined)[] = []): Promise<typeof into> {
  for await (const { stock } of stream) into.push(stock?.sku);
  return into;
}

describe('a server stream', () => {
  it('gives what the handler yields, then ends', async () => {
    expect(await all(client.watch({ sku: 'three' }))).toEqual(['three 0', 'three 1', 'three 2']);
    expect(await all(client.watchRx({}))).toEqual(['a', 'b']);
    expect(await all(client.watchRx({ sku: 'none' }))).toEqual([]);
    expect(server.activeCalls).toBe(0);
  });

  it('ends with the handler’s error, after what came before it', async () => {
    const seen: (string | undefined)[] = [];
    await expect(all(client.watch({ sku: 'breaks' }), seen)).rejects.toMatchObject({ code: 'BROKE' });
    expect(seen).toEqual(['breaks 0', 'breaks 1']);
    await expect(all(client.watch({ sku: 'refused' }))).rejects.toMatchObject({ field: 'sku' });
    await expect(all(client.watchRx({ sku: 'error' }))).rejects.toMatchObject({ code: 'GONE' });
    expect(log.lines).toEqual([]);
    await expect(all(client.watch({ sku: 'bug' }))).rejects.toMatchObject({ message: 'internal error' });
    expect(log.lines).toHaveLength(1);
  });

  it('is made no faster than it is read, and left when its reader leaves', async () => {
    const stream = client.watch({ sku: 'long' })[Symbol.asyncIterator]();
    await stream.next();
    await until(() => probe.made > 0);
    // Time enough to make all of them.
    await sleep(300);
    const buffered = probe.made;
    expect(buffered).toBeLessThan(100);
    for (let i = 0; i < buffered + 50; i++) await stream.next();
    await until(() => probe.made > buffered);
    await stream.return?.();
    await until(() => probe.left === 1 && server.activeCalls === 0);
    expect(probe.calls[0]?.signal.reason).toMatchObject({ kind: 'cancelled' });
  });

  it('of an Observable that is too fast ends instead of filling the memory', async () => {
    await expect(all(client.watchRx({ sku: 'flood' }))).rejects.toMatchObject({
      kind: 'resource_exhausted',
      code: 'CALLER_TOO_SLOW',
    });
  });

  it('ends with its deadline', async () => {
    await expect(all(client.watchRx({ sku: 'slow' }, { deadlineMs: 100 }))).rejects.toMatchObject({
      kind: 'deadline_exceeded',
    });
    await until(() => server.activeCalls === 0);
  });
});

describe('a client stream', () => {
  it('is taken as the handler asks for it', async () => {
    expect((await client.collect([{ sku: 'a' }, { sku: 'b' }])).stock?.sku).toBe('a,b');
    expect((await client.collect([])).stock?.sku).toBe('');
  });

  it('is no faster than its handler, which may answer before its end', async () => {
    let given = 0;
    const stop = new AbortController();
    async function* flood() {
      for (;;) {
        given++;
        yield { sku: 'x'.repeat(100_000) };
      }
    }
    const call = client.collect(flood(), { signal: stop.signal });
    const outcome = call.catch((error: unknown) => error);
    await until(() => probe.taken >= 3);
    expect(given - probe.taken).toBeLessThan(100);
    stop.abort();
    expect(await outcome).toMatchObject({ kind: 'cancelled' });
    await until(() => server.activeCalls === 0);
    async function* endless() {
      yield { sku: 'stop' };
      await sleep(60_000, stop.signal).catch(() => undefined);
    }
    expect((await client.collect(endless())).stock?.sku).toBe('enough');
  });

  it('fails for the caller when its own source fails', async () => {
    async function* broken() {
      yield { sku: 'a' };
      throw new FlashmeshError('aborted', 'MINE', 'my own fault');
    }
    await expect(client.collect(broken())).rejects.toMatchObject({ code: 'MINE' });
  });
});

describe('both', () => {
  it('talk in turns', async () => {
    const answers: (string | undefined)[] = [];
    let answered: () => void = () => undefined;
    async function* questions() {
      for (const sku of ['a', 'b']) {
        const heard = new Promise<void>((resolve) => (answered = resolve));
        yield { sku };
        await heard;
      }
    }
    for await (const { stock } of client.chat(questions())) {
      answers.push(stock?.sku);
      answered();
    }
    expect(answers).toEqual(['re: a', 're: b', 'bye']);
  });
});

describe('what a stream says of its endpoint', () => {
  const endpoint = () => {
    const [known] = meshSnapshot().find(({ target }) => target.endsWith(`:${server.port}`))?.endpoints ?? [];
    if (!known) throw new Error('the client knows no endpoint');
    return known;
  };

  it('is nothing when its reader leaves, aborts or listened as long as it wanted', async () => {
    const { failures, attempts } = endpoint();
    for (let i = 0; i < 5; i++) {
      for await (const _ of client.watch({ sku: 'long' })) break;
      const stop = new AbortController();
      const aborted = all(client.watchRx({ sku: 'slow' }, { signal: stop.signal }));
      await until(() => endpoint().inFlight === 1);
      stop.abort();
      await expect(aborted).rejects.toMatchObject({ kind: 'cancelled' });
      await expect(all(client.watchRx({ sku: 'slow' }, { deadlineMs: 30 }))).rejects.toMatchObject({
        kind: 'deadline_exceeded',
      });
      await until(() => endpoint().inFlight === 0);
    }
    expect(endpoint()).toMatchObject({ failures, attempts: attempts + 15, timeouts: 0 });
  });

  it('is no latency, however well it ends', async () => {
    expect(await all(client.watch({ sku: 'three' }))).toHaveLength(3);
    expect(endpoint()).toMatchObject({ answers: 0, latencyMs: 0, ewmaMs: undefined, inFlight: 0 });
  });

  it('is that it failed when the server broke it off', async () => {
    const other = new MeshServer({ services: [Streams], host: '127.0.0.1', port: 0, logger: log.logger });
    const broken = await NestFactory.createMicroservice(StreamsModule, { strategy: other, logger: false });
    await broken.listen();
    const target = `127.0.0.1:${other.port}`;
    const slow = createMeshStreams(Streams, { target }).watchRx({ sku: 'slow' });
    const reader = slow[Symbol.asyncIterator]();
    await reader.next();
    other.unwrap<Server>().forceShutdown();
    await expect(all({ [Symbol.asyncIterator]: () => reader })).rejects.toMatchObject({
      kind: 'unavailable',
    });
    const channel = meshSnapshot().find((known) => known.target === target);
    expect(channel?.endpoints[0]).toMatchObject({ failures: 1, inFlight: 0 });
    await broken.close();
  });
});

describe('under Nest', () => {
  it('guards come before streams, interceptors see their values', async () => {
    const stranger = { metadata: { 'x-stranger': '1' } };
    await expect(all(client.watch({ sku: 'three' }, stranger))).rejects.toMatchObject({
      kind: 'permission_denied',
    });
    await expect(client.collect([{ sku: 'a' }], stranger)).rejects.toMatchObject({
      kind: 'permission_denied',
    });
    await expect(all(client.chat([], stranger))).rejects.toMatchObject({ kind: 'permission_denied' });
    expect(await all(client.watchRx({}, { metadata: { 'x-mark': '1' } }))).toEqual(['marked a', 'marked b']);
  });
});
