import { ManualClock } from '@flashmesh/core';
import { AdaptiveLimit } from './adaptive-limit.ts';

describe('AdaptiveLimit', () => {
  const setUp = () => {
    const clock = new ManualClock();
    return { clock, limit: new AdaptiveLimit({ min: 8, max: 100, targetMs: 1000, clock }) };
  };
  /** So many requests end, that began then. */
  const end = (
    limit: AdaptiveLimit,
    count: number,
    startedAt: number,
    o = { underWay: 100, failed: false },
  ) => {
    for (let i = 0; i < count; i++) limit.observe(startedAt, o.underWay, o.failed);
  };

  it('shrinks once for all that were under way together', async () => {
    const { clock, limit } = setUp();
    await clock.advance(2000);
    end(limit, 199, 0);
    expect(limit.value).toBe(80);
    await clock.advance(2000);
    end(limit, 80, 2000);
    expect(limit.value).toBe(64);
  });

  it('does not shrink for some that are slow', async () => {
    const { clock, limit } = setUp();
    await clock.advance(2000);
    for (let i = 0; i < 10; i++) {
      end(limit, 30, 0);
      end(limit, 70, 1500);
    }
    expect(limit.value).toBe(100);
  });

  it('shrinks for failures, however fast, and never below its bound', async () => {
    const { clock, limit } = setUp();
    for (let i = 0; i < 50; i++) {
      end(limit, 100, clock.monotonic(), { underWay: 100, failed: true });
      await clock.advance(1);
    }
    expect(limit.value).toBe(8);
  });

  it('grows while it is used, up to its bound, and not while it is not', async () => {
    const { clock, limit } = setUp();
    end(limit, 100, 0, { underWay: 100, failed: true });
    await clock.advance(1);
    end(limit, 80, 1, { underWay: 10, failed: false });
    expect(limit.value).toBe(80);
    end(limit, 80, 1);
    expect(limit.value).toBe(84);
    end(limit, 2000, 1);
    expect(limit.value).toBe(100);
  });

  it('keeps the latency of a slower server near the target, where a fixed limit would not', () => {
    // A server of 20 requests a second, asked as often as the limit allows: each round takes what the queue makes it take.
    let now = 0;
    const clock = { monotonic: () => now } as ManualClock;
    const limit = new AdaptiveLimit({ min: 8, max: 100, targetMs: 1000, clock });
    const latency = () => limit.value / 0.02;
    expect(latency()).toBe(5000);
    for (let round = 0; round < 100; round++) {
      const startedAt = now;
      now += latency();
      end(limit, limit.value, startedAt, { underWay: limit.value, failed: false });
    }
    expect(latency()).toBeLessThan(1500);
  });

  it('follows its bounds when they change', async () => {
    const clock = new ManualClock();
    const options = { min: 8, max: 100, targetMs: 1000, clock };
    const limit = new AdaptiveLimit(options);
    options.max = 300;
    expect(limit.value).toBe(300);
    options.max = 50;
    expect(limit.value).toBe(50);
    // Halfway down it stays where it is, and grows to the new bound.
    end(limit, 50, 0, { underWay: 50, failed: true });
    expect(limit.value).toBe(40);
    options.max = 60;
    expect(limit.value).toBe(40);
    await clock.advance(1);
    end(limit, 2000, 1);
    expect(limit.value).toBe(60);
    options.max = 70;
    expect(limit.value).toBe(70);
    options.max = options.min = 4;
    expect(limit.value).toBe(4);
    options.targetMs = 100;
    await clock.advance(150);
    options.min = 1;
    end(limit, 100, 1, { underWay: 4, failed: false });
    expect(limit.value).toBe(3);
  });

  it('refuses bounds that are none', () => {
    const clock = new ManualClock();
    expect(() => new AdaptiveLimit({ min: 0, max: 1, targetMs: 1, clock })).toThrow(RangeError);
    expect(() => new AdaptiveLimit({ min: 2, max: 1, targetMs: 1, clock })).toThrow(RangeError);
  });
});
