import { info, REQUEST, TestSet } from './spec-support.ts';

const three = (options: ConstructorParameters<typeof TestSet>[1] = {}) =>
  new TestSet(
    ['a', 'b', 'c'].map((name) => info(name)),
    options,
  );

describe('EndpointSet', () => {
  it.each(['p2c', 'least_request', 'round_robin', 'ring_hash'] as const)('spreads evenly by %s', (policy) => {
    const counts = three({ balancing: { policy } }).count(3000);
    for (const name of ['a', 'b', 'c']) {
      expect(counts[name]).toBeGreaterThan(900);
      expect(counts[name]).toBeLessThan(1100);
    }
  });

  it.each([
    ['p2c', 300],
    ['least_request', 300],
    ['round_robin', 0],
  ] as const)('spreads by weight, by %s', (policy, tolerance) => {
    const test = new TestSet([info('a'), info('b', { weight: 3 }), info('c', { weight: 6 })], {
      balancing: { policy },
    });
    const { a = 0, b = 0, c = 0 } = test.count(10_000);
    expect(Math.abs(a - 1000)).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(b - 3000)).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(c - 6000)).toBeLessThanOrEqual(tolerance);
  });

  it('keeps what it knows of those that stay, and of those that come back soon', async () => {
    const test = three();
    const [a, b] = [test.get('a'), test.get('b')];
    test.attempt('b', 'failure', 5);
    test.update([info('b'), info('d')]);
    expect(test.get('b')).toBe(b);
    expect(b.breaker.state.name).toBe('ejected');
    await test.clock.advance(30_000);
    test.update([info('a'), info('b')]);
    expect(test.get('a')).toBe(a);
    // Somebody else at the same address is somebody else.
    test.update([info('a', { id: 'other' }), info('b')]);
    expect(test.get('a')).not.toBe(a);
  });

  it('warms a newcomer up inside its weight, but not those that were there first', async () => {
    const test = three({ balancing: { policy: 'round_robin' } });
    expect(test.count(300)).toEqual({ a: 100, b: 100, c: 100 });
    test.update(['a', 'b', 'c', 'd'].map((name) => info(name)));
    expect(test.count(310)['d']).toBe(10);
    await test.clock.advance(5000);
    expect(test.count(350)['d']).toBe(50);
    await test.clock.advance(5000);
    expect(test.count(400)['d']).toBe(100);
  });

  it('looks again at one that loses every draw, a tenth of a second apart while looks are left', async () => {
    const test = three();
    const slow = test.get('a');
    for (let i = 0; i < 2; i++) {
      const startedMs = test.set.started(slow);
      await test.clock.advance(5000);
      test.set.ended(slow, startedMs, 'success');
    }
    test.attempt('b', 'success', 2);
    test.attempt('c', 'success', 2);
    for (let i = 0; i < 8; i++) {
      expect(test.count(100)['a']).toBe(1);
      await test.clock.advance(100);
    }
    expect(test.count(100)['a']).toBeUndefined();
  });

  it('does not look at one while a call is under way there', async () => {
    const test = three();
    const slow = test.get('a');
    test.attempt('b', 'success', 2);
    test.attempt('c', 'success', 2);
    test.set.started(slow);
    await test.clock.advance(1000);
    expect(test.count(1000)['a']).toBeUndefined();
  });

  it('uses one that drains only when there is nobody else', () => {
    const test = three();
    const draining = (...names: readonly string[]) =>
      test.update(['a', 'b', 'c'].map((name) => info(name, { draining: names.includes(name) })));
    draining('a', 'b');
    expect(test.count(50)).toEqual({ c: 50 });
    draining('a', 'b', 'c');
    expect(Object.keys(test.count(300)).sort()).toEqual(['a', 'b', 'c']);
  });

  it('avoids endpoints that the call has tried while there are others', () => {
    const test = three();
    const [a, b, c] = [test.get('a'), test.get('b'), test.get('c')];
    expect(test.count(100, { tried: [a, b] })).toEqual({ c: 100 });
    expect(Object.keys(test.count(300, { tried: [a, b, c] })).sort()).toEqual(['a', 'b', 'c']);
  });

  it('keeps to the limit of calls under way, and sheds when all are there', () => {
    const test = three({ balancing: { maxInFlight: 2 } });
    for (let i = 0; i < 6; i++) {
      const endpoint = test.set.pick(REQUEST);
      if (!endpoint) throw new Error('shed too early');
      test.set.started(endpoint);
    }
    expect(test.set.endpoints.map(({ inFlight }) => inFlight)).toEqual([2, 2, 2]);
    expect(test.set.pick(REQUEST)).toBeUndefined();
    expect(test.set.shed).toBe(1);
  });

  it('leaves an endpoint with a call that waits in silence, before any timeout', async () => {
    const test = three();
    for (const name of ['a', 'b', 'c']) {
      for (let i = 0; i < 3; i++) {
        const startedMs = test.set.started(test.get(name));
        await test.clock.advance(2);
        test.set.ended(test.get(name), startedMs, 'success');
      }
    }
    test.set.started(test.get('a'));
    await test.clock.advance(50);
    expect(test.count(150)['a']).toBeUndefined();
  });
});

describe('zones', () => {
  const zoned = (options: ConstructorParameters<typeof TestSet>[1] = {}) =>
    new TestSet(
      [
        ...['a1', 'a2', 'a3'].map((name) => info(name, { zone: 'a' })),
        ...['b1', 'b2', 'b3'].map((name) => info(name, { zone: 'b' })),
      ],
      { zone: 'a', ...options },
    );
  const share = (counts: Record<string, number>, zone: string) =>
    Object.entries(counts)
      .filter(([name]) => name.startsWith(zone))
      .reduce((sum, [, count]) => sum + count, 0);

  it.each(['p2c', 'round_robin'] as const)('keeps calls in their own while it is well, by %s', (policy) => {
    expect(share(zoned({ balancing: { policy } }).count(600), 'b')).toBe(0);
  });

  it('lets calls leave in proportion to what is missing', () => {
    const test = zoned({ balancing: { policy: 'round_robin' } });
    for (const name of ['a1', 'a2']) test.set.setReady(test.get(name), false);
    // A third is left, times 1.4.
    const near = share(test.count(3000), 'a');
    expect(near).toBeGreaterThan(1200);
    expect(near).toBeLessThan(1600);
    test.set.setReady(test.get('a3'), false);
    expect(share(test.count(60), 'b')).toBe(60);
  });

  it('spills over when the own zone is much slower', async () => {
    const test = zoned();
    const spend = async (name: string, ms: number) => {
      for (let i = 0; i < 3; i++) {
        const startedMs = test.set.started(test.get(name));
        await test.clock.advance(ms);
        test.set.ended(test.get(name), startedMs, 'success');
      }
    };
    for (const name of ['b1', 'b2', 'b3']) await spend(name, 10);
    for (const name of ['a1', 'a2', 'a3']) await spend(name, 20);
    expect(share(test.count(100), 'b')).toBe(0);
    for (const name of ['a1', 'a2', 'a3']) await spend(name, 100);
    expect(share(test.count(100), 'b')).toBeGreaterThan(90);
  });
});

describe('ring_hash', () => {
  const names = Array.from({ length: 10 }, (_, i) => `e${i}`);
  const keys = Array.from({ length: 2000 }, (_, i) => `product-${i}`);
  const ring = () =>
    new TestSet(
      names.map((name) => info(name)),
      { balancing: { policy: 'ring_hash' } },
    );
  const owners = (test: TestSet) =>
    new Map(keys.map((key) => [key, test.set.pick({ ...REQUEST, affinityKey: key })?.info.key]));

  it('sends equal keys to equal endpoints, evenly, and moves few when one goes', () => {
    const test = ring();
    const before = owners(test);
    expect(owners(test)).toEqual(before);
    for (const name of names) {
      const owned = [...before.values()].filter((owner) => owner === name).length;
      expect(owned).toBeGreaterThan(100);
      expect(owned).toBeLessThan(320);
    }
    test.set.setReady(test.get('e3'), false);
    const after = owners(test);
    const moved = keys.filter((key) => after.get(key) !== before.get(key));
    expect(moved).toEqual(keys.filter((key) => before.get(key) === 'e3'));
    test.set.setReady(test.get('e3'), true);
    expect(owners(test)).toEqual(before);
  });

  it('agrees among callers, whatever order they learn the endpoints in', () => {
    const other = new TestSet(
      names.toReversed().map((name) => info(name)),
      {
        balancing: { policy: 'ring_hash' },
      },
    );
    expect(owners(other)).toEqual(owners(ring()));
  });

  it('gives one that warms up its keys one after the other, each once', async () => {
    const test = ring();
    const before = owners(test);
    test.update([...names, 'new'].map((name) => info(name)));
    const ownedByNew = () =>
      new Set([...owners(test)].flatMap(([key, owner]) => (owner === 'new' ? key : [])));
    const counts: number[] = [];
    let owned = new Set<string>();
    for (let seconds = 0; seconds <= 10; seconds++) {
      const now = ownedByNew();
      for (const key of owned) expect(now).toContain(key);
      owned = now;
      counts.push(owned.size);
      await test.clock.advance(1000);
    }
    const [first = 0, last = 0] = [counts[0], counts.at(-1)];
    expect(last).toBeGreaterThan(100);
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(0.2 * last);
    expect(counts[5]).toBeGreaterThan(0.35 * last);
    expect(counts[5]).toBeLessThan(0.65 * last);
    // Whatever it has not got is where it was, and it has got what is its own.
    const after = owners(test);
    expect(keys.filter((key) => after.get(key) !== before.get(key))).toEqual([...owned]);
    const settled = new TestSet(
      [...names, 'new'].map((name) => info(name)),
      { balancing: { policy: 'ring_hash' } },
    );
    expect(after).toEqual(owners(settled));
  });

  it('bounds what is under way by weight', () => {
    const test = new TestSet([info('a'), info('b', { weight: 3 }), info('c', { weight: 6 })], {
      balancing: { policy: 'ring_hash' },
    });
    for (let i = 0; i < 1000; i++) {
      const endpoint = test.set.pick({ ...REQUEST, affinityKey: `${i}` });
      if (!endpoint) throw new Error('nowhere');
      test.set.started(endpoint);
    }
    expect(test.get('c').inFlight).toBeGreaterThan(500);
    expect(test.get('a').inFlight).toBeLessThan(130);
  });

  it('passes a hot key on rather than overload its endpoint', () => {
    const test = ring();
    for (let i = 0; i < 200; i++) {
      const endpoint = test.set.pick({ ...REQUEST, affinityKey: 'hot' });
      if (!endpoint) throw new Error('nowhere');
      test.set.started(endpoint);
    }
    const loads = test.set.endpoints.map(({ inFlight }) => inFlight);
    expect(Math.max(...loads)).toBeLessThanOrEqual(Math.ceil(1.25 * 20.1));
  });
});
