import type { Endpoint } from './endpoint.ts';
import { info, REQUEST, TestSet } from './spec-support.ts';

const names = ['a', 'b', 'c', 'd'];
const keys = Array.from({ length: 400 }, (_, i) => `product-${i}`);

/** Two calls in each millisecond, of any key; `a` ends its own at once, others take `othersMs`. */
async function shareOfA(
  test: TestSet,
  outcome: 'success' | 'overload' | 'failure',
  ms: number,
  othersMs = 20,
): Promise<number> {
  const running: { endpoint: Endpoint; startedMs: number; endMs: number }[] = [];
  let calls = 0;
  let atA = 0;
  for (let i = 0; i < ms; i++) {
    for (const affinityKey of [keys[i % 400], keys[(7 * i) % 400]]) {
      const endpoint = test.set.pick({ ...REQUEST, affinityKey });
      if (!endpoint) throw new Error('nowhere');
      const fast = endpoint.info.key === 'a';
      calls++;
      if (fast) atA++;
      const startedMs = test.set.started(endpoint);
      running.push({ endpoint, startedMs, endMs: i + (fast ? 1 : othersMs) });
    }
    await test.clock.advance(1);
    for (let at = running.length - 1; at >= 0; at--) {
      const { endpoint, startedMs, endMs } = running[at] as (typeof running)[number];
      if (endMs > i) continue;
      running.splice(at, 1);
      test.set.ended(endpoint, startedMs, endpoint.info.key === 'a' ? outcome : 'success');
    }
  }
  return atA / calls;
}

describe.each(['p2c', 'least_request', 'ring_hash'] as const)('one that refuses at once, by %s', (policy) => {
  const four = () =>
    new TestSet(
      names.map((name) => info(name)),
      // No ejection: what is left of its calls is the policy's work.
      { balancing: { policy }, breaker: { consecutiveFailures: 1e6, minRequests: 1e6 } },
    );

  it.each(['overload', 'failure'] as const)(
    'loses its calls (%s), and has them back when it is well',
    async (outcome) => {
      const test = four();
      await shareOfA(test, outcome, 1000);
      expect(await shareOfA(test, outcome, 2000)).toBeLessThan(0.1);
      await shareOfA(test, 'success', 20_000);
      expect(await shareOfA(test, 'success', 2000)).toBeGreaterThan(0.15);
    },
  );
});

describe('p2c', () => {
  it('takes a refusal for no measure of one that never answered', async () => {
    const test = new TestSet(
      names.map((name) => info(name)),
      { breaker: { consecutiveFailures: 1e6 } },
    );
    await shareOfA(test, 'overload', 1000, 200);
    expect(test.get('a').ewmaMs(test.clock.monotonic())).toBeUndefined();
    expect(await shareOfA(test, 'overload', 2000, 200)).toBeLessThan(0.1);
  });
});

describe('ring_hash', () => {
  const ring = () =>
    new TestSet(
      names.map((name) => info(name)),
      { balancing: { policy: 'ring_hash' }, breaker: { consecutiveFailures: 1e6, minRequests: 1e6 } },
    );
  const owners = (test: TestSet) =>
    keys.map((affinityKey) => test.set.pick({ ...REQUEST, affinityKey })?.info.key);

  it('moves no key for a single failure, nor when all fail alike', async () => {
    const test = ring();
    const before = owners(test);
    await test.clock.advance(60_000);
    test.attempt('a', 'failure');
    expect(owners(test)).toEqual(before);
    for (let i = 0; i < 500; i++) {
      for (const name of names) test.attempt(name, i % 2 === 0 ? 'overload' : 'success');
      await test.clock.advance(10);
    }
    expect(owners(test)).toEqual(before);
  });

  it('moves only keys of those that fail', async () => {
    const test = ring();
    const before = owners(test);
    test.attempt('a', 'overload', 300);
    const after = owners(test);
    const moved = before.filter((owner, i) => owner !== after[i]);
    expect(moved.length).toBeGreaterThan(20);
    expect(new Set(moved)).toEqual(new Set(['a']));
  });

  it('leaves one that fails half its calls less room for a hot key than one that is well', async () => {
    const underWayAtA = async (outcomes: readonly ('overload' | 'success')[]) => {
      const test = ring();
      const affinityKey = keys.find(
        (key) => test.set.pick({ ...REQUEST, affinityKey: key })?.info.key === 'a',
      );
      for (let i = 0; i < 500; i++) {
        test.attempt('a', outcomes[i % outcomes.length] ?? 'success');
        await test.clock.advance(10);
      }
      for (let i = 0; i < 400; i++) {
        const endpoint = test.set.pick({ ...REQUEST, affinityKey });
        if (!endpoint) throw new Error('nowhere');
        test.set.started(endpoint);
      }
      return test.get('a').inFlight;
    };
    // 1.25 times the average of four; half of the calls failing leaves five eighths of it.
    expect(await underWayAtA(['success'])).toBeGreaterThan(115);
    expect(await underWayAtA(['overload', 'success'])).toBeLessThan(95);
  });
});
