import { AsyncLocalStorage } from 'node:async_hooks';
import { jest } from '@jest/globals';
import { FlashmeshError, ManualClock } from '@flashmesh/core';
import { Cache, type CacheOptions } from './cache.ts';
import type { CacheStore } from './cache-store.ts';
import { MemoryStore } from './memory-store.ts';

type Value = { n: number };

function setUp(options: Partial<CacheOptions<Value>> = {}) {
  const clock = new ManualClock();
  const store = new MemoryStore(clock);
  const newCache = (more: Partial<CacheOptions<Value>> = {}) =>
    new Cache<Value>({
      name: 'test',
      store,
      ttlMs: 10_000,
      jitter: 0,
      negativeTtlMs: 1000,
      near: { maxEntries: 100, ttlMs: 2000 },
      clock,
      ...options,
      ...more,
    });
  let n = 0;
  const load = jest.fn(async (): Promise<Value | undefined> => ({ n: ++n }));
  return { clock, store, newCache, cache: newCache(), load };
}

/** Lets a get come to its first wait, so that its timer counts from now. */
const begun = (clock: ManualClock) => clock.advance(0);

/** A store whose calls never settle. */
const hanging: CacheStore = {
  get: () => new Promise(() => {}),
  set: () => new Promise(() => {}),
  replace: () => new Promise(() => {}),
  delete: () => new Promise(() => {}),
};

const refuse = () => Promise.reject(new Error('connection refused'));
const refusing: CacheStore = { get: refuse, set: refuse, replace: refuse, delete: refuse };

describe('Cache', () => {
  it('asks near, then the shared tier, then the loader', async () => {
    const { cache, clock, load, newCache } = setUp();
    expect(await cache.get('k', load)).toEqual({ n: 1 });
    expect(await cache.get('k', load)).toEqual({ n: 1 });
    await clock.advance(2000);
    expect(await cache.get('k', load)).toEqual({ n: 1 });
    expect(await newCache().get('k', load)).toEqual({ n: 1 });
    expect(load).toHaveBeenCalledTimes(1);
    await clock.advance(8000);
    expect(await cache.get('k', load)).toEqual({ n: 2 });
  });

  it('keeps nothing near for longer than the shared entry lives', async () => {
    const { cache, clock, load, newCache } = setUp();
    await cache.get('k', load);
    await clock.advance(9500);
    const late = newCache();
    expect(await late.get('k', load)).toEqual({ n: 1 });
    await clock.advance(500);
    expect(await late.get('k', load)).toEqual({ n: 2 });
  });

  it('loads once for everybody who asks meanwhile', async () => {
    const { cache, load } = setUp();
    const values = await Promise.all(Array.from({ length: 100 }, () => cache.get('k', load)));
    expect(new Set(values.map((value) => value?.n))).toEqual(new Set([1]));
    expect(load).toHaveBeenCalledTimes(1);
  });

  it('shares a failure too, keeps none, and loads anew afterwards', async () => {
    const { cache, load } = setUp();
    load.mockRejectedValueOnce(new FlashmeshError('unavailable', 'DOWN', 'down'));
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => cache.get('k', load)));
    expect(results.every((result) => result.status === 'rejected' && result.reason.code === 'DOWN')).toBe(
      true,
    );
    expect(load).toHaveBeenCalledTimes(1);
    expect(await cache.get('k', load)).toEqual({ n: 1 });
  });

  it('remembers that there is none, for the negative TTL', async () => {
    const { cache, clock, load, newCache } = setUp();
    load.mockResolvedValueOnce(undefined);
    expect(await cache.get('k', load)).toBeUndefined();
    expect(await cache.get('k', load)).toBeUndefined();
    expect(await newCache().get('k', load)).toBeUndefined();
    expect(load).toHaveBeenCalledTimes(1);
    await clock.advance(1000);
    expect(await cache.get('k', load)).toEqual({ n: 1 });
  });

  it('takes a random share off each TTL', async () => {
    const { clock, load, newCache } = setUp();
    const cache = newCache({ jitter: 0.2, random: () => 0.5, near: undefined });
    await cache.get('k', load);
    await clock.advance(8999);
    expect(await cache.get('k', load)).toEqual({ n: 1 });
    await clock.advance(1);
    expect(await cache.get('k', load)).toEqual({ n: 2 });
  });

  it('works with either tier alone, and with none', async () => {
    const { load, newCache } = setUp();
    const nearOnly = newCache({ store: undefined });
    await nearOnly.get('k', load);
    expect(await nearOnly.get('k', load)).toEqual({ n: 1 });
    const none = newCache({ store: undefined, near: undefined });
    await none.get('k', load);
    expect(await none.get('k', load)).toEqual({ n: 3 });
  });

  it('uses the given codec, and takes what it cannot decode for a miss that it replaces', async () => {
    const { load, newCache } = setUp({ near: undefined });
    await newCache({ encode: () => 'not json' }).get('k', load);
    const reader = newCache();
    expect(await reader.get('k', load)).toEqual({ n: 2 });
    expect(await newCache().get('k', load)).toEqual({ n: 2 });
  });
});

describe('Cache.invalidate', () => {
  it('makes the next get load, here and where there is no near entry', async () => {
    const { cache, load, newCache } = setUp();
    await cache.get('k', load);
    await cache.invalidate('k');
    expect(await newCache().get('k', load)).toEqual({ n: 2 });
    expect(await cache.get('k', load)).toEqual({ n: 2 });
  });

  it('keeps a value loaded before it out of both tiers, and out of gets that begin after it', async () => {
    const { cache, load, newCache } = setUp();
    const old = Promise.withResolvers<Value>();
    load.mockReturnValueOnce(old.promise);
    const before = cache.get('k', load);
    await cache.invalidate('k');
    const after = cache.get('k', load);
    old.resolve({ n: -1 });
    expect(await before).toEqual({ n: -1 });
    expect(await after).toEqual({ n: 1 });
    expect(await cache.get('k', load)).toEqual({ n: 1 });
    expect(await newCache().get('k', load)).toEqual({ n: 1 });
  });

  it('by another process: the old value is not put back into the shared tier', async () => {
    const { cache, clock, load, newCache } = setUp();
    const old = Promise.withResolvers<Value>();
    load.mockReturnValueOnce(old.promise);
    const before = cache.get('k', load);
    await clock.advance(1);
    await newCache().invalidate('k');
    old.resolve({ n: -1 });
    await before;
    expect(await newCache().get('k', load)).toEqual({ n: 1 });
  });

  it('during a lookup: an old shared value is not kept near', async () => {
    const { clock, load, newCache, store } = setUp();
    await newCache().get('k', load);
    const gate = Promise.withResolvers<void>();
    const slow: CacheStore = {
      get: async (key) => {
        const bytes = await store.get(key);
        await gate.promise;
        return bytes;
      },
      set: (key, value, ttlMs) => store.set(key, value, ttlMs),
      replace: (key, seen, value, ttlMs) => store.replace(key, seen, value, ttlMs),
      delete: (key) => store.delete(key),
    };
    const cache = newCache({ store: slow });
    const before = cache.get('k', load);
    await clock.advance(1);
    await cache.invalidate('k');
    gate.resolve();
    expect(await before).toEqual({ n: 1 });
    expect(await cache.get('k', load)).toEqual({ n: 2 });
  });

  it('clearNear empties the process and keeps the shared tier', async () => {
    const { cache, load } = setUp();
    await cache.get('k', load);
    cache.clearNear();
    expect(await cache.get('k', load)).toEqual({ n: 1 });
    expect(load).toHaveBeenCalledTimes(1);
  });
});

describe('Cache when the shared tier fails', () => {
  it('waits 100 ms once, then leaves it alone for a second', async () => {
    const { clock, load, newCache } = setUp();
    const cache = newCache({ store: hanging });
    const first = cache.get('a', load);
    await begun(clock);
    await clock.advance(99);
    expect(load).not.toHaveBeenCalled();
    await clock.advance(1);
    expect(await first).toEqual({ n: 1 });
    expect(await cache.get('b', load)).toEqual({ n: 2 });
    expect(await cache.get('a', load)).toEqual({ n: 1 });
    expect(clock.pending).toBe(0);
    await clock.advance(1000);
    const later = cache.get('c', load);
    await begun(clock);
    await clock.advance(100);
    expect(await later).toEqual({ n: 3 });
  });

  it('loads when it refuses, and does not fill what it could not read', async () => {
    const { load, newCache } = setUp();
    const replace = jest.fn(refuse);
    const cache = newCache({ store: { ...refusing, replace } });
    expect(await cache.get('k', load)).toEqual({ n: 1 });
    expect(replace).not.toHaveBeenCalled();
  });

  it('invalidates near all the same, and does not reject', async () => {
    const { clock, load, newCache } = setUp();
    const cache = newCache({ store: hanging });
    const first = cache.get('k', load);
    await begun(clock);
    await clock.advance(100);
    await first;
    const invalidated = cache.invalidate('k');
    await clock.advance(100);
    await invalidated;
    expect(await cache.get('k', load)).toEqual({ n: 2 });
  });
});

describe('Cache and its callers', () => {
  it('bounds the loader and aborts it', async () => {
    const { clock, newCache } = setUp();
    const cache = newCache({ loadTimeoutMs: 500, store: undefined });
    let signal: AbortSignal | undefined;
    const outcome = cache.get('k', (_, s) => {
      signal = s;
      return new Promise(() => {});
    });
    const failure = outcome.catch((error: unknown) => error);
    await begun(clock);
    await clock.advance(500);
    expect(await failure).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(signal?.aborted).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('lets one caller give up without failing the others', async () => {
    const { cache, load } = setUp();
    const slow = Promise.withResolvers<Value>();
    load.mockReturnValueOnce(slow.promise);
    const controller = new AbortController();
    const impatient = cache.get('k', load, controller.signal);
    const patient = cache.get('k', load);
    controller.abort();
    await expect(impatient).rejects.toMatchObject({ code: 'CANCELLED' });
    slow.resolve({ n: 7 });
    expect(await patient).toEqual({ n: 7 });
  });

  it('runs the loader outside the ambient call of whoever came first', async () => {
    const call = new AsyncLocalStorage<string>();
    const { cache } = setUp();
    const seen = await call.run('a call with a short deadline', () =>
      cache.get('k', async () => ({ n: call.getStore() === undefined ? 0 : 1 })),
    );
    expect(seen).toEqual({ n: 0 });
  });

  it('survives a loader that throws at once, and one that asks for its own invalidation', async () => {
    const { cache, load } = setUp();
    const throwing = () => {
      throw new Error('at once');
    };
    await expect(cache.get('k', throwing)).rejects.toThrow('at once');
    await cache.get('k', async () => {
      await cache.invalidate('k');
      return { n: -1 };
    });
    expect(await cache.get('k', load)).toEqual({ n: 1 });
  });

  it.each([
    [{ ttlMs: 0 }, 'ttlMs must be a positive integer, got 0'],
    [{ jitter: 2 }, 'jitter must be between 0 and 1, got 2'],
    [{ negativeTtlMs: -1 }, 'negativeTtlMs must be a positive integer, got -1'],
  ])('refuses %j', (options, message) => {
    expect(() => setUp(options)).toThrow(new RangeError(message));
  });
});
