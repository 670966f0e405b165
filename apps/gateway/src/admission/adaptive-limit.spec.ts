import { ManualClock } from '@flashmesh/core';
import { AdaptiveLimit } from './adaptive-limit.ts';

describe('AdaptiveLimit', () => {
  const setUp = () => {
    const clock = new ManualClock();
    return { clock, limit: new AdaptiveLimit({ min: 8, max: 100, targetMs: 1000, clock }) };
  };

  it('shrinks once for all that were under way together', async () => {
    const { clock, limit } = setUp();
    await clock.advance(2000);
    for (let i = 0; i < 100; i++) limit.observe(0, 100, false);
    expect(limit.value).toBe(80);
    await clock.advance(2000);
    limit.observe(2000, 80, false);
    expect(limit.value).toBe(64);
  });

  it('shrinks for failures, however fast, and never below its bound', async () => {
    const { clock, limit } = setUp();
    for (let i = 0; i < 50; i++) {
      limit.observe(clock.monotonic(), 10, true);
      await clock.advance(1);
    }
    expect(limit.value).toBe(8);
  });

  it('grows while it is used, up to its bound, and not while it is not', async () => {
    const { clock, limit } = setUp();
    limit.observe(0, 100, true);
    limit.observe(clock.monotonic(), 10, false);
    expect(limit.value).toBe(80);
    for (let i = 0; i < 80; i++) limit.observe(clock.monotonic(), 80, false);
    expect(limit.value).toBeGreaterThanOrEqual(83);
    for (let i = 0; i < 2000; i++) limit.observe(clock.monotonic(), 100, false);
    expect(limit.value).toBe(100);
  });

  /** A server with a fixed capacity, asked by ever more buyers than it can serve. */
  it('keeps the latency of a slower server near the target, where a fixed limit would not', () => {
    const { limit } = setUp();
    const capacityPerMs = 0.02;
    let latency = 0;
    let now = 0;
    const clock = { monotonic: () => now } as ManualClock;
    const own = new AdaptiveLimit({ min: 8, max: 100, targetMs: 1000, clock });
    for (let i = 0; i < 500; i++) {
      latency = own.value / capacityPerMs;
      const startedAt = now;
      now += latency;
      own.observe(startedAt, own.value, false);
    }
    expect(latency).toBeLessThan(1500);
    expect(limit.value / capacityPerMs).toBe(5000);
  });

  it('refuses bounds that are none', () => {
    const clock = new ManualClock();
    expect(() => new AdaptiveLimit({ min: 0, max: 1, targetMs: 1, clock })).toThrow(RangeError);
    expect(() => new AdaptiveLimit({ min: 2, max: 1, targetMs: 1, clock })).toThrow(RangeError);
  });
});
