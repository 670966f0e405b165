import { FlashmeshError, sleep, unavailable } from '@flashmesh/core';
import { status as Status } from '@grpc/grpc-js';
import { callWithin, runWithCall } from './call-context.ts';
import { IncomingCall } from './incoming-call.ts';
import { until } from './mesh.fixture.ts';
import { createMeshClient, type MeshClientOptions } from './mesh-client.ts';
import { createMeshStreams } from './mesh-streams.ts';
import type { EndpointSnapshot } from './mesh-snapshot.ts';
import {
  answer,
  connect,
  connected,
  endpointOf,
  type RawCall,
  refuse,
  say,
  serve,
  snapshot,
  target,
  usePlainServers,
} from './plain-servers.fixture.ts';
import { statusFromError } from './status.ts';
import { Echo } from './testing/echo.ts';
import type { MeshCallOptions } from './unary-call.ts';

usePlainServers();

type Read = (options: MeshCallOptions) => Promise<unknown>;

/** On the wire a stream of one response is what a unary call is. */
const Streaming = { ...Echo, methods: { read: { ...Echo.methods.read, responseStream: true as const } } };

describe('a failed attempt', () => {
  it('is repeated elsewhere, where it may be', async () => {
    const bad = await serve(refuse(Status.UNAVAILABLE));
    const good = await serve(answer('good'));
    const client = connect();
    say(bad, good);
    await client.read({}).catch(() => undefined);
    await connected(2);
    const { retries } = snapshot();
    bad.calls.length = 0;
    for (let i = 0; i < 20; i++) expect((await client.read({})).text).toBe('good');
    expect(bad.calls.length).toBeGreaterThan(5);
    expect(snapshot()).toMatchObject({ calls: 21, retries: retries + bad.calls.length });
    const failed: unknown[] = [];
    for (let i = 0; i < 10; i++) await client.write({}).catch((error: unknown) => failed.push(error));
    expect(failed).toHaveLength(5);
    expect(snapshot().retries).toBeLessThanOrEqual(20);
  });

  it('is not repeated when the answer would be the same', async () => {
    const server = await serve(refuse(Status.NOT_FOUND));
    const client = connect();
    say(server);
    await expect(client.read({})).rejects.toMatchObject({ kind: 'not_found' });
    expect(server.calls).toHaveLength(1);
  });

  it('is not repeated when there is nobody to send it to', async () => {
    const client = connect();
    say();
    await expect(client.read({})).rejects.toMatchObject({ kind: 'unavailable' });
    expect(snapshot()).toMatchObject({ calls: 1, retries: 0, endpoints: [] });
  });

  it('is repeated at most as often as the policy says, and the last error is the caller’s', async () => {
    const rebuilding = statusFromError(unavailable('REBUILDING', 'the view is being rebuilt'));
    const server = await serve((_call, respond) => respond(rebuilding));
    const client = connect({ methods: { read: { maxAttempts: 4 } } });
    say(server);
    await expect(client.read({})).rejects.toMatchObject({ kind: 'unavailable', code: 'REBUILDING' });
    expect(server.calls).toHaveLength(4);
  });

  it('leaves open what happened when the next one is refused for overload', async () => {
    const bad = await serve(refuse(Status.UNAVAILABLE));
    const overloaded = statusFromError(new FlashmeshError('resource_exhausted', 'OVERLOADED', 'too busy'));
    const full = await serve((_call, respond) => respond(overloaded));
    const client = connect();
    say(bad, full);
    const codes = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const error = await client.read({}).catch((cause: unknown) => cause as FlashmeshError);
      codes.add(`${(error as FlashmeshError).kind} ${(error as FlashmeshError).code}`);
    }
    // Whoever asked the full one first has its word.
    expect([...codes].sort()).toEqual(['resource_exhausted OVERLOADED', 'unavailable UNCERTAIN']);
  });

  it('is repeated within one budget for all calls', async () => {
    const server = await serve(refuse(Status.UNAVAILABLE));
    const client = connect({ retryBudget: { ratio: 0.2, minPerSecond: 0 } });
    say(server);
    for (let i = 0; i < 50; i++) await client.read({}).catch(() => undefined);
    // 50 calls and a fifth of them again, not the 150 that three attempts each would be.
    expect(server.calls).toHaveLength(60);
    expect(snapshot()).toMatchObject({ retries: 10, budgetLeft: 0 });
    expect(snapshot().budgetExhausted).toBeGreaterThan(0);
  });

  it('waits for as long as the server says, or for ever', async () => {
    const server = await serve((call, respond) => {
      (server.calls.length === 1
        ? refuse(Status.UNAVAILABLE, { 'grpc-retry-pushback-ms': '150' })
        : answer('now'))(call, respond);
    });
    const client = connect();
    say(server);
    expect((await client.read({})).text).toBe('now');
    expect(server.calls).toHaveLength(2);
    const never = await serve(refuse(Status.UNAVAILABLE, { 'grpc-retry-pushback-ms': '-1' }));
    say(never);
    await until(() => snapshot().endpoints[0]?.address.endsWith(`:${never.port}`) === true);
    await expect(client.read({})).rejects.toMatchObject({ kind: 'unavailable' });
    expect(never.calls).toHaveLength(1);
  });

  it('tells the server that it is a repeated one, which then repeats nothing itself', async () => {
    const server = await serve(refuse(Status.UNAVAILABLE));
    const client = connect();
    say(server);
    await client.read({}).catch(() => undefined);
    expect(server.calls.map(({ metadata }) => metadata.get('flashmesh-retry'))).toEqual([[], ['1'], ['2']]);
    const repeated = server.calls[1] as RawCall;
    const serving = new IncomingCall('/x/Y', Date.now() + 5000, repeated.metadata);
    server.calls.length = 0;
    await runWithCall(serving, () => client.read({}).catch(() => undefined));
    // Nor does whoever that one calls.
    expect(server.calls.map(({ metadata }) => metadata.get('flashmesh-retry'))).toEqual([['1']]);
    server.calls.length = 0;
    const stream = createMeshStreams(Streaming, { target: target() });
    const answers = runWithCall(serving, () => stream.read({})[Symbol.asyncIterator]());
    await expect(answers.next()).rejects.toMatchObject({ kind: 'unavailable' });
    expect(server.calls.map(({ metadata }) => metadata.get('flashmesh-retry'))).toEqual([['1']]);
  });
});

describe('an attempt that takes its share of the time', () => {
  it('is given up for another one, and its endpoint is blamed at once', async () => {
    const stuck = await serve(() => undefined);
    const good = await serve(answer('good'));
    const client = connect({ methods: { read: { tryTimeoutMs: 150 } }, defaultDeadlineMs: 60_000 });
    say(stuck, good);
    await client.read({});
    await connected(2);
    for (let i = 0; i < 4; i++) expect((await client.read({})).text).toBe('good');
    const [first] = stuck.calls;
    await until(() => first?.cancelled === true);
    const endpoint = endpointOf(stuck);
    expect(endpoint).toMatchObject({
      timeouts: stuck.calls.length,
      failures: stuck.calls.length,
      inFlight: 0,
    });
  });

  it.each([
    ['no budget for another one', { retryBudget: { ratio: 0, minPerSecond: 0 } }, 2],
    ['nobody else', {}, 1],
  ])('goes on when there is %s', async (_, options, count) => {
    const slow = await serve(answer('slow', 500));
    const other = await serve(answer('slow', 500));
    const client = connect({ methods: { read: { tryTimeoutMs: 150 } }, ...options });
    say(...[slow, other].slice(0, count));
    await client.read({});
    await connected(count);
    for (let i = 0; i < 4; i++) expect((await client.read({})).text).toBe('slow');
    expect(slow.calls.length + other.calls.length).toBe(5);
    // They were late, and they were answers.
    const sum = (value: (endpoint: EndpointSnapshot) => number) =>
      snapshot().endpoints.reduce((sum, endpoint) => sum + value(endpoint), 0);
    expect([sum((e) => e.timeouts), sum((e) => e.answers), sum((e) => e.inFlight)]).toEqual([5, 5, 0]);
  });
});

describe('a caller in a hurry', () => {
  it.each([
    ['by its own deadline', (read: Read) => read({ deadlineMs: 5 })],
    ['by that of the call it serves', (read: Read) => runWithCall(callWithin(30), () => read({}))],
  ])('does not eject an endpoint that takes 20 ms, %s', async (_, hurried) => {
    const servers = [await serve(answer('well', 20)), await serve(answer('well', 20))];
    // With the breaker as it comes, of which two tries without an answer are enough.
    const client = connect({ breaker: {} });
    say(...servers);
    await client.read({});
    await connected(2);
    for (let i = 0; i < 20; i++) await hurried((options) => client.read({}, options)).catch(() => undefined);
    expect(servers.every(({ calls }) => calls.length > 5)).toBe(true);
    for (const server of servers) expect(endpointOf(server)).toMatchObject({ state: 'ready', ejections: 0 });
  });

  it('does so when an endpoint is silent for longer than its method ever takes', async () => {
    const silent = await serve(() => undefined);
    const good = await serve(answer('good'));
    const client = connect({ breaker: {}, methods: { read: { tryTimeoutMs: 150 } } });
    say(silent, good);
    await client.read({});
    await connected(2);
    for (let i = 0; i < 10; i++) expect((await client.read({})).text).toBe('good');
    expect(endpointOf(silent).ejections).toBeGreaterThan(0);
  });
});

describe('endpoints that refuse calls because they are too busy', () => {
  it('have not failed, and are not ejected: their calls would be too much for the others', async () => {
    const busy = await serve(refuse(Status.RESOURCE_EXHAUSTED));
    const good = await serve(answer('good'));
    // With the breaker as it comes, of which five failures in a row are enough.
    const client = connect({ breaker: {} });
    say(busy, good);
    await client.read({}).catch(() => undefined);
    await connected(2);
    for (let i = 0; i < 40; i++) await client.read({}).catch(() => undefined);
    const endpoint = endpointOf(busy);
    expect(endpoint).toMatchObject({ state: 'ready', ejections: 0, failures: 0 });
    expect(endpoint.overloads).toBe(busy.calls.length);
    expect(busy.calls.length).toBeGreaterThanOrEqual(10);
  });
});

describe('endpoints that are full', () => {
  it('take no more calls, and the caller hears it at once', async () => {
    const server = await serve(() => undefined);
    const client = connect({ balancing: { maxInFlight: 2 }, defaultDeadlineMs: 60_000 });
    say(server);
    const stop = new AbortController();
    const waiting = [1, 2].map(() => client.write({}, { signal: stop.signal }).catch(() => undefined));
    await until(() => server.calls.length === 2);
    await expect(client.write({})).rejects.toMatchObject({ kind: 'resource_exhausted' });
    expect(snapshot().shed).toBe(1);
    stop.abort();
    await Promise.all(waiting);
    await sleep(1);
    expect(snapshot().endpoints[0]).toMatchObject({ inFlight: 0, failures: 0 });
  });
});

describe('options of a client', () => {
  it('are checked when it is made', () => {
    const target = 'zk:///nobody';
    const bad = (options: object) => () => createMeshClient(Echo, { target, ...options });
    expect(bad({ balancing: { policy: 'best' } })).toThrow('policy must be one of');
    expect(bad({ breaker: { ejectionMs: -1 } })).toThrow('ejectionMs must be between');
    expect(bad({ methods: { reed: {} } })).toThrow('Echo has no method reed');
    expect(bad({ methods: { write: { maxAttempts: 2 } } })).toThrow('Write is not idempotent');
    expect(bad({ deadlineMs: 5 })).toThrow('a client of Echo has no option deadlineMs');
    expect(() => createMeshStreams(Echo, { target, deadlineMs: 5 } as MeshClientOptions)).toThrow(
      'a client of Echo has no option deadlineMs',
    );
  });
});
