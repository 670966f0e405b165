import { ManualClock } from '@flashmesh/core';
import { openLoop } from './open-loop.ts';

describe('openLoop', () => {
  it('keeps the rate, whatever the arrivals do', async () => {
    const clock = new ManualClock();
    const fired: [number, number, number][] = [];
    const done = openLoop({
      count: 5,
      ratePerSecond: 100,
      clock,
      fire: (index, dueAt) => fired.push([index, dueAt, clock.monotonic()]),
    });
    expect(fired).toEqual([[0, 0, 0]]);
    await clock.advance(25);
    expect(fired.map(([index]) => index)).toEqual([0, 1, 2]);
    await clock.advance(15);
    await done;
    expect(fired).toEqual([
      [0, 0, 0],
      [1, 10, 10],
      [2, 20, 20],
      [3, 30, 30],
      [4, 40, 40],
    ]);
    expect(clock.pending).toBe(0);
  });

  it('catches up after a stall, and remembers when each was due', async () => {
    const clock = new ManualClock();
    const delays: number[] = [];
    let stalled = false;
    const done = openLoop({
      count: 6,
      ratePerSecond: 1000,
      clock,
      fire: (index, dueAt) => {
        delays.push(clock.monotonic() - dueAt);
        if (index === 1 && !stalled) {
          // The process does something else for 3 ms.
          stalled = true;
          void clock.advance(3);
        }
      },
    });
    await clock.advance(10);
    await done;
    expect(delays).toHaveLength(6);
    expect(Math.max(...delays)).toBeGreaterThanOrEqual(1);
    expect(delays.at(-1)).toBe(0);
  });

  it('keeps fractional intervals on average', async () => {
    const clock = new ManualClock();
    let fired = 0;
    const done = openLoop({ count: 3000, ratePerSecond: 3000, clock, fire: () => fired++ });
    await clock.advance(500);
    expect(fired).toBeGreaterThanOrEqual(1500);
    expect(fired).toBeLessThanOrEqual(1501);
    await clock.advance(500);
    await done;
  });

  it('fires no more when it is told to end, and says how many it fired', async () => {
    const clock = new ManualClock();
    const end = new AbortController();
    let fired = 0;
    const done = openLoop({
      count: 100,
      ratePerSecond: 10,
      clock,
      signal: end.signal,
      fire: () => {
        if (++fired === 30) end.abort();
      },
    });
    await clock.advance(60_000);
    expect(await done).toBe(30);
    expect(fired).toBe(30);
    expect(clock.pending).toBe(0);
  });

  it('fires nothing when it is told to end between two', async () => {
    const clock = new ManualClock();
    const end = new AbortController();
    let fired = 0;
    const done = openLoop({
      count: 5,
      ratePerSecond: 10,
      clock,
      signal: end.signal,
      fire: () => fired++,
    });
    await clock.advance(150);
    end.abort();
    expect(await done).toBe(2);
    expect(clock.pending).toBe(0);
    await clock.advance(1000);
    expect(fired).toBe(2);
  });

  it.each([
    [0, 1],
    [1, 0],
    [1, Number.NaN],
  ])('refuses a count of %s at a rate of %s', (count, ratePerSecond) => {
    expect(() => openLoop({ count, ratePerSecond, fire: () => undefined })).toThrow(RangeError);
  });
});
