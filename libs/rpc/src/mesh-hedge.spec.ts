import { FlashmeshError } from '@flashmesh/core';
import { status as Status } from '@grpc/grpc-js';
import { until } from './mesh.fixture.ts';
import {
  answer,
  connect,
  connected,
  endpointOf,
  type Handler,
  type RawCall,
  refuse,
  say,
  serve,
  snapshot,
  usePlainServers,
} from './plain-servers.fixture.ts';
import { statusFromError } from './status.ts';

usePlainServers();

const isFirst = ({ metadata }: RawCall) => metadata.get('flashmesh-retry').length === 0;

const overloaded: Handler = (_call, respond) =>
  respond(statusFromError(new FlashmeshError('resource_exhausted', 'OVERLOADED', 'too busy')));

const unavailable = refuse(Status.UNAVAILABLE);

/** Long enough for the first attempt to end before. */
const later =
  (handler: Handler): Handler =>
  (call, respond) =>
    void setTimeout(() => handler(call, respond), 200);

const hedged = {
  methods: { read: { hedge: { initialDelayMs: 200 } } },
  defaultDeadlineMs: 60_000,
} as const;

/** A client of two servers which do the one with a first attempt, once its hedge is there, and the other with the hedge. */
async function connectToPair(first: Handler, hedge: Handler) {
  let hedges = 1;
  const server: Handler = (call, respond) => {
    if (isFirst(call)) void until(() => hedges > 0).then(() => first(call, respond));
    else {
      hedges++;
      hedge(call, respond);
    }
  };
  const client = connect(hedged);
  say(await serve(server), await serve(server));
  await client.write({}).catch(() => undefined);
  await connected(2);
  hedges = 0;
  return client;
}

describe('a hedge', () => {
  it('is sent when an answer takes longer than most, and the loser is told', async () => {
    const slow = await serve(() => undefined);
    const fast = await serve(answer('fast'));
    const client = connect(hedged);
    say(slow, fast);
    await client.read({});
    await connected(2);
    for (let i = 0; i < 4; i++) expect((await client.read({})).text).toBe('fast');
    const last = slow.calls.at(-1);
    await until(() => last?.cancelled === true);
    expect(snapshot()).toMatchObject({ hedges: slow.calls.length, hedgesWon: slow.calls.length, retries: 0 });
    // Losing is no failure.
    expect(snapshot().endpoints.map(({ failures, inFlight }) => failures + inFlight)).toEqual([0, 0]);
  });

  it('is paid for from the same budget', async () => {
    const slow = await serve(answer('slow', 400));
    const other = await serve(answer('slow', 400));
    const client = connect({ ...hedged, retryBudget: { ratio: 0, minPerSecond: 0 } });
    say(slow, other);
    await client.read({});
    await connected(2);
    expect((await client.read({})).text).toBe('slow');
    expect(slow.calls.length + other.calls.length).toBe(2);
    expect(snapshot().budgetExhausted).toBeGreaterThan(0);
  });

  it('is not sent when there is nobody else to send it to', async () => {
    const slow = await serve(answer('slow', 400));
    const client = connect(hedged);
    say(slow);
    expect((await client.read({})).text).toBe('slow');
    expect(slow.calls).toHaveLength(1);
  });

  it('may still win when the first attempt failed', async () => {
    const failing = await serve((call, respond) => {
      setTimeout(() => refuse(Status.UNAVAILABLE)(call, respond), 400);
    });
    const good = await serve(answer('good', 800));
    const client = connect(hedged);
    say(failing, good);
    await client.read({});
    await connected(2);
    for (let i = 0; i < 4; i++) expect((await client.read({})).text).toBe('good');
    expect(snapshot().retries).toBeLessThanOrEqual(1);
  });

  it('that is refused for overload leaves the first attempt alone', async () => {
    const client = await connectToPair(answer('first', 200), overloaded);
    expect((await client.read({})).text).toBe('first');
    expect(snapshot()).toMatchObject({ hedges: 1, hedgesWon: 0, retries: 0 });
  });

  it('goes on when the first attempt is refused for overload', async () => {
    const client = await connectToPair(overloaded, answer('hedge', 200));
    expect((await client.read({})).text).toBe('hedge');
    expect(snapshot()).toMatchObject({ hedges: 1, hedgesWon: 1, retries: 0 });
  });

  it('that finds every other endpoint full leaves the first attempt alone', async () => {
    const [a, b] = [await serve(answer('slow', 600)), await serve(answer('slow', 600))];
    const client = connect({ ...hedged, balancing: { policy: 'round_robin', maxInFlight: 1 } });
    say(a, b);
    await client.write({});
    await connected(2);
    const other = client.write({});
    await until(() => snapshot().endpoints.some(({ inFlight }) => inFlight === 1));
    const { hedges } = snapshot();
    expect((await client.read({})).text).toBe('slow');
    expect(snapshot()).toMatchObject({ hedges: hedges + 1, shed: 1 });
    await other;
  });

  it.each([
    ['of both, in which case nothing has been done', overloaded, 'resource_exhausted OVERLOADED'],
    ['of it alone, in which case the first may have done it', unavailable, 'unavailable UNCERTAIN'],
  ])('tells of a refusal for overload %s', async (_, first, expected) => {
    const client = await connectToPair(first, later(overloaded));
    const error = await client.read({}).catch((cause: unknown) => cause as FlashmeshError);
    expect(`${(error as FlashmeshError).kind} ${(error as FlashmeshError).code}`).toBe(expected);
  });

  it('is followed by nothing when the first attempt was told to come never again', async () => {
    const never = refuse(Status.UNAVAILABLE, { 'grpc-retry-pushback-ms': '-1' });
    const client = await connectToPair(never, later(unavailable));
    await expect(client.read({})).rejects.toMatchObject({ kind: 'unavailable' });
    expect(snapshot()).toMatchObject({ hedges: 1, retries: 0 });
  });

  it('that fails does not keep the first attempt from being given up when it is late', async () => {
    const silent = await serve(() => undefined);
    const bad = await serve(unavailable);
    const good = await serve(answer('good'));
    // Far above what the good one takes on a busy machine: three attempts are all there are.
    const methods = { read: { ...hedged.methods.read, tryTimeoutMs: 2000 } };
    const client = connect({ ...hedged, methods });
    say(silent, bad, good);
    await client.read({}).catch(() => undefined);
    await connected(3);
    // A repeated call that came to the bad one is a hedge beside the silent one.
    const met = () => bad.calls.some((call) => !isFirst(call));
    bad.calls.length = 0;
    for (let i = 0; i < 30 && !met(); i++) expect((await client.read({})).text).toBe('good');
    expect(met()).toBe(true);
    expect(endpointOf(silent).timeouts).toBeGreaterThan(0);
  });
});
