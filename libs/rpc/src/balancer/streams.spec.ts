import { info, REQUEST, TestSet } from './spec-support.ts';

const STREAM = { ...REQUEST, stream: true };

async function measured(options: ConstructorParameters<typeof TestSet>[1] = {}): Promise<TestSet> {
  const test = new TestSet(
    ['a', 'b'].map((name) => info(name)),
    options,
  );
  for (const name of ['a', 'b']) {
    for (let i = 0; i < 3; i++) {
      const startedMs = test.set.started(test.get(name));
      await test.clock.advance(2);
      test.set.ended(test.get(name), startedMs, 'success');
    }
  }
  return test;
}

describe.each(['p2c', 'least_request'] as const)('an open stream, by %s', (policy) => {
  it('keeps no call from its endpoint, however long it is silent', async () => {
    const test = await measured({ balancing: { policy } });
    test.set.streamStarted(test.get('a'));
    await test.clock.advance(60_000);
    const { a = 0 } = test.count(1000);
    expect(a).toBeGreaterThan(400);
    expect(a).toBeLessThan(600);
  });

  it('does not hide that its endpoint is looked at by nobody', async () => {
    const test = await measured({ balancing: { policy } });
    const slow = test.get('a');
    test.set.streamStarted(slow);
    for (let i = 0; i < 2; i++) {
      const startedMs = test.set.started(slow);
      await test.clock.advance(5000);
      test.set.ended(slow, startedMs, 'success');
    }
    expect(slow.takeLook(1, test.clock.monotonic())).toBe(true);
  });

  it('takes a place of those that its endpoint has, and is opened where there are fewer', async () => {
    const test = await measured({ balancing: { policy, maxInFlight: 3 } });
    for (let i = 0; i < 6; i++) {
      const endpoint = test.set.pick(STREAM);
      if (!endpoint) throw new Error('shed too early');
      test.set.streamStarted(endpoint);
      expect(Math.abs(test.get('a').inFlight - test.get('b').inFlight)).toBeLessThan(2);
    }
    expect(test.set.pick(REQUEST)).toBeUndefined();
    test.set.streamEnded(test.get('a'), 'success');
    expect(test.set.pick(REQUEST)).toBe(test.get('a'));
  });
});

describe('a stream', () => {
  it('is no sample of a latency, whether it ends well, fails or is left', async () => {
    const test = await measured();
    const a = test.get('a');
    for (const outcome of ['success', 'failure', 'overload', 'answer', 'neutral'] as const) {
      test.set.streamStarted(a);
      await test.clock.advance(3_600_000);
      test.set.streamEnded(a, outcome);
    }
    const nowMs = test.clock.monotonic();
    expect(a.ewmaMs(nowMs)).toBeLessThanOrEqual(2);
    expect(a.quantileMs(0.99, nowMs) ?? 0).toBeLessThan(5);
    expect(a.totals).toMatchObject({ attempts: 8, answers: 3, latencyMs: 6, failures: 1, overloads: 1 });
    expect(a.inFlight).toBe(0);
    // A newcomer counts as typical: it gets its share, although a stream of an hour ended just now.
    test.update(['a', 'b', 'c'].map((name) => info(name)));
    await test.clock.advance(10_000);
    expect(test.count(900)['c']).toBeGreaterThan(200);
  });

  it('that fails is a failure', () => {
    const test = new TestSet(['a', 'b'].map((name) => info(name)));
    const a = test.get('a');
    for (let i = 0; i < 5; i++) {
      test.set.streamStarted(a);
      test.set.streamEnded(a, 'failure');
    }
    expect(a.breaker.state.name).toBe('ejected');
    expect(a.totals.ejections).toBe(1);
  });

  it('is never the probe, and decides none', async () => {
    const test = new TestSet(['a', 'b'].map((name) => info(name)));
    const a = test.get('a');
    test.set.streamStarted(a);
    test.set.streamStarted(a);
    test.attempt('a', 'failure', 5);
    await test.clock.advance(60_000);
    for (let i = 0; i < 50; i++) expect(test.set.pick(STREAM)).toBe(test.get('b'));
    expect(test.set.pick(REQUEST)).toBe(a);
    const startedMs = test.set.started(a, REQUEST);
    test.set.streamEnded(a, 'success');
    test.set.streamEnded(a, 'neutral');
    expect(a.breaker.state.name).toBe('probing');
    test.set.ended(a, startedMs, 'success');
    expect(a.breaker.state.name).toBe('closed');
  });
});
