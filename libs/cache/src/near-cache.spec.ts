import { ManualClock } from '@flashmesh/core';
import { NearCache } from './near-cache.ts';

const open = (maxEntries: number, ttlMs = 1000) => {
  const clock = new ManualClock();
  return { clock, near: new NearCache<number>({ maxEntries, ttlMs }, clock) };
};

describe('NearCache', () => {
  it('pushes out the least recently used', () => {
    const { near } = open(2);
    near.set('a', 1, 1000);
    near.set('b', 2, 1000);
    near.get('a');
    near.set('c', 3, 1000);
    expect(near.get('b')).toBeUndefined();
    expect([near.get('a')?.value, near.get('c')?.value]).toEqual([1, 3]);
  });

  it('never holds more than it may', () => {
    const { near } = open(10);
    for (let i = 0; i < 1000; i++) near.set(`k${i % 37}`, i, 1000);
    expect(near.size).toBe(10);
  });

  it('keeps an entry for its own life, at most for the near one', async () => {
    const { near, clock } = open(10, 1000);
    near.set('short', 1, 100);
    near.set('long', 2, 60_000);
    await clock.advance(100);
    expect(near.get('short')).toBeUndefined();
    await clock.advance(899);
    expect(near.get('long')?.value).toBe(2);
    await clock.advance(1);
    expect(near.get('long')).toBeUndefined();
    near.set('dead', 3, 0);
    expect(near.size).toBe(0);
  });

  it('tells a negative entry from none', () => {
    const { near } = open(10);
    near.set('none', undefined, 1000);
    expect(near.get('none')).toMatchObject({ value: undefined });
    expect(near.get('unknown')).toBeUndefined();
  });

  it('refuses senseless bounds by name', () => {
    expect(() => open(0)).toThrow(new RangeError('near.maxEntries must be a positive integer, got 0'));
  });
});
