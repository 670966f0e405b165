import { info, REQUEST, TestSet } from './spec-support.ts';

const NAMES = ['a', 'b', 'c', 'd'];
const four = (options: ConstructorParameters<typeof TestSet>[1] = {}) =>
  new TestSet(
    NAMES.map((name) => info(name)),
    options,
  );
const ejected = (test: TestSet) =>
  test.set.endpoints.filter(({ breaker }) => breaker.state.name !== 'closed').map(({ info }) => info.key);

describe('ejection', () => {
  it('leaves an endpoint alone after failures in a row, and no call goes there', () => {
    const test = four();
    test.attempt('a', 'failure', 4);
    test.attempt('a', 'success');
    test.attempt('a', 'failure', 4);
    expect(ejected(test)).toEqual([]);
    test.attempt('a', 'failure');
    expect(ejected(test)).toEqual(['a']);
    expect(test.count(1000)['a']).toBeUndefined();
  });

  it('leaves an endpoint alone by its rate of good answers, if the others are better', async () => {
    const test = four();
    const spoil = async (names: readonly string[]) => {
      for (let i = 0; i < 40; i++) {
        for (const name of names) test.attempt(name, i % 3 === 0 ? 'failure' : 'success');
        await test.clock.advance(10);
      }
    };
    for (const name of ['b', 'c', 'd']) test.attempt(name, 'success', 40);
    await spoil(['a']);
    expect(ejected(test)).toEqual(['a']);
    // Everybody fails alike: whatever it is, it is not the endpoint.
    const alike = four();
    for (let i = 0; i < 40; i++)
      for (const name of NAMES) alike.attempt(name, i % 3 === 0 ? 'failure' : 'success');
    expect(ejected(alike)).toEqual([]);
  });

  it('counts neither callers’ errors nor what was cancelled, and overload does not eject', () => {
    const test = four();
    test.attempt('a', 'neutral', 100);
    test.attempt('b', 'overload', 100);
    test.attempt('b', 'failure');
    expect(ejected(test)).toEqual([]);
    test.attempt('a', 'failure', 4);
    test.attempt('a', 'neutral', 10);
    test.attempt('a', 'failure');
    expect(ejected(test)).toEqual(['a']);
    // Others are preferred to the one that said that it is too busy.
    const counts = test.count(1000);
    expect(counts['b'] ?? 0).toBeLessThan((counts['c'] ?? 0) / 2);
  });

  it('ejects after two tries that timed out in silence, but not while the endpoint answers others', async () => {
    const test = four();
    const a = test.get('a');
    const late = async (answering: boolean) => {
      const startedMs = test.set.started(a);
      await test.clock.advance(500);
      if (answering) test.attempt('a', 'success');
      test.set.timedOut(a, startedMs);
      test.set.ended(a, startedMs, 'timeout', true);
    };
    await late(true);
    await late(true);
    expect(ejected(test)).toEqual([]);
    await late(false);
    await late(false);
    expect(ejected(test)).toEqual(['a']);
    expect(a.inFlight).toBe(0);
    expect(a.totals.timeouts).toBe(4);
  });

  it('ejects no more than half, however many fail', () => {
    const test = four();
    for (const name of NAMES) test.attempt(name, 'failure', 20);
    expect(ejected(test)).toEqual(['a', 'b']);
    expect(Object.keys(test.count(100)).sort()).toEqual(['c', 'd']);
  });

  it('may always eject one, but never the last that calls can go to', () => {
    const two = new TestSet([info('a'), info('b')], { breaker: { maxEjectedShare: 0.01 } });
    two.attempt('a', 'failure', 5);
    two.attempt('b', 'failure', 5);
    expect(ejected(two)).toEqual(['a']);
    const one = new TestSet([info('a')]);
    one.attempt('a', 'failure', 50);
    expect(ejected(one)).toEqual([]);
    const lonely = four();
    for (const name of ['b', 'c', 'd']) lonely.set.setReady(lonely.get(name), false);
    lonely.attempt('a', 'failure', 50);
    expect(ejected(lonely)).toEqual([]);
  });

  it('ignores ejections when hardly anybody is left', () => {
    const test = four({ breaker: { panicShare: 0.5 } });
    test.attempt('a', 'failure', 5);
    expect(test.count(400)['a']).toBeUndefined();
    for (const name of ['c', 'd']) test.set.setReady(test.get(name), false);
    expect(test.count(400)['a']).toBeGreaterThan(0);
  });
});

describe('a probe', () => {
  it('is one real request when the time has come; a good answer takes the endpoint back, gently', async () => {
    const test = four({ balancing: { policy: 'round_robin' } });
    test.attempt('a', 'failure', 5);
    await test.clock.advance(1200);
    const probe = test.set.pick(REQUEST);
    expect(probe).toBe(test.get('a'));
    const startedMs = test.set.started(test.get('a'), REQUEST);
    expect(test.count(100)['a']).toBeUndefined();
    test.set.ended(test.get('a'), startedMs, 'success');
    expect(ejected(test)).toEqual([]);
    // It warms up again: a tenth of the others' share at first.
    expect(test.count(310)['a']).toBeLessThanOrEqual(12);
    await test.clock.advance(10_000);
    expect(test.count(400)['a']).toBe(100);
  });

  it('that fails leaves the endpoint alone for longer each time', async () => {
    const test = four();
    const a = test.get('a');
    test.attempt('a', 'failure', 5);
    const durations: number[] = [];
    for (let i = 0; i < 8; i++) {
      const { state } = a.breaker;
      if (state.name !== 'ejected') throw new Error(state.name);
      durations.push(state.durationMs);
      await test.clock.advance(state.durationMs + 1);
      expect(test.set.pick(REQUEST)).toBe(a);
      test.attempt('a', 'failure');
    }
    for (const [i, duration] of durations.entries()) {
      const expected = Math.min(1000 * 2 ** i, 60_000);
      expect(duration).toBeGreaterThanOrEqual(0.8 * expected);
      expect(duration).toBeLessThanOrEqual(1.2 * expected);
    }
  });

  it('is a call that can go elsewhere, as long as there are any', async () => {
    const test = four();
    const precious = { ...REQUEST, expendable: false };
    test.attempt('a', 'failure', 5);
    await test.clock.advance(1201);
    for (let i = 0; i < 50; i++) expect(test.set.pick(precious)).not.toBe(test.get('a'));
    await test.clock.advance(1201);
    expect(test.set.pick(precious)).toBe(test.get('a'));
  });

  it('starts with a clean slate: what ended after the ejection was judged with it', async () => {
    const test = four();
    const a = test.get('a');
    const before = Array.from({ length: 50 }, () => test.set.started(a));
    test.attempt('a', 'failure', 5);
    for (const startedMs of before) test.set.ended(a, startedMs, 'failure');
    await test.clock.advance(1201);
    expect(test.set.pick(REQUEST)).toBe(a);
    test.attempt('a', 'success');
    // Off parole, a single failure is a single failure.
    await test.clock.advance(3000);
    test.attempt('a', 'failure');
    expect(ejected(test)).toEqual([]);
    expect(a.inFlight).toBe(0);
  });

  it.each(['success', 'overload', 'failure', 'timeout', 'neutral'] as const)(
    'is the only one to decide: %s of an attempt of before does not',
    async (outcome) => {
      const test = four();
      const a = test.get('a');
      const before = Array.from({ length: 3 }, () => test.set.started(a, { ...REQUEST }));
      test.attempt('a', 'failure', 5);
      await test.clock.advance(1201);
      expect(test.set.pick(REQUEST)).toBe(a);
      const probeMs = test.set.started(a, REQUEST);
      for (const startedMs of before) {
        test.set.ended(a, startedMs, outcome);
        expect(a.breaker.state.name).toBe('probing');
      }
      expect(test.count(100)['a']).toBeUndefined();
      expect(a.totals.ejections).toBe(1);
      test.set.timedOut(a, probeMs);
      expect(a.breaker.state.name).toBe('ejected');
      expect(a.totals.ejections).toBe(2);
      test.set.ended(a, probeMs, 'timeout', true);
      expect(a.inFlight).toBe(0);
    },
  );

  it('is not any call that goes to an ejected endpoint in a panic', async () => {
    const test = four({ breaker: { panicShare: 0.5 } });
    const a = test.get('a');
    test.attempt('a', 'failure', 5);
    for (const name of ['c', 'd']) test.set.setReady(test.get(name), false);
    // Its time has not come, and the call that goes there may not be repeated.
    const precious = { ...REQUEST, expendable: false, tried: [test.get('b')] };
    expect(test.set.pick(precious)).toBe(a);
    test.set.ended(a, test.set.started(a, precious), 'success');
    expect(a.breaker.state.name).toBe('ejected');
    await test.clock.advance(1201);
    expect(test.set.pick(REQUEST)).toBe(a);
    // Nor the one that overtakes the probe on its way.
    const startedMs = test.set.started(a, precious);
    await test.clock.advance(1);
    expect(a.breaker.state.name).toBe('ejected');
    const probeMs = test.set.started(a, REQUEST);
    test.set.ended(a, startedMs, 'success');
    expect(a.breaker.state.name).toBe('probing');
    test.set.ended(a, probeMs, 'success');
    expect(a.breaker.state.name).toBe('closed');
  });

  it('that was picked and never sent is sent again', async () => {
    const test = four();
    test.attempt('a', 'failure', 5);
    await test.clock.advance(1201);
    expect(test.set.pick(REQUEST)).toBe(test.get('a'));
    expect(test.count(100)['a']).toBeUndefined();
    await test.clock.advance(1001);
    expect(test.set.pick(REQUEST)).toBe(test.get('a'));
  });

  it('goes out at once over a new connection', () => {
    const test = four();
    test.attempt('a', 'failure', 5);
    test.set.setReady(test.get('a'), false);
    test.set.setReady(test.get('a'), true);
    expect(test.set.pick(REQUEST)).toBe(test.get('a'));
  });

  it('that passed does not save one that fails every other call', async () => {
    const test = four();
    test.attempt('a', 'failure', 5);
    await test.clock.advance(1201);
    test.attempt('a', 'neutral');
    expect(test.set.pick(REQUEST)).toBe(test.get('a'));
    test.attempt('a', 'success');
    expect(ejected(test)).toEqual([]);
    test.attempt('a', 'failure');
    expect(ejected(test)).toEqual(['a']);
  });
});
