import { sleep } from '@flashmesh/core';
import { Redis } from 'ioredis';
import { Cache } from './cache.ts';
import { describeCacheStore } from './cache-store.contract.ts';
import { RedisStore } from './redis-store.ts';

const url = process.env['REDIS_URL'];
if (!url) throw new Error('REDIS_URL names the Redis to test against');

const redis = new Redis(url);
afterAll(() => redis.disconnect());

describeCacheStore(
  'Redis',
  () => new RedisStore(redis),
  (ms) => sleep(ms),
);

describe('Cache over Redis', () => {
  const suffix = Math.random().toString(36).slice(2);
  const newCache = (name: string, client = redis) =>
    new Cache<{ n: number }>({ name: `${name}-${suffix}`, redis: client, ttlMs: 10_000 });

  it('shares values and negative entries between processes', async () => {
    const [one, two] = [newCache('share'), newCache('share')];
    await one.get('a', async () => ({ n: 1 }));
    await one.get('none', async () => undefined);
    const never = async () => {
      throw new Error('should not load');
    };
    expect(await two.get('a', never)).toEqual({ n: 1 });
    expect(await two.get('none', never)).toBeUndefined();
  });

  it('does not put an old value back after another process invalidated it, and takes the new one', async () => {
    const [slow, other] = [newCache('stale'), newCache('stale')];
    const loading = Promise.withResolvers<{ n: number }>();
    const old = slow.get('k', () => loading.promise);
    await sleep(20);
    await other.invalidate('k');
    loading.resolve({ n: 1 });
    expect(await old).toEqual({ n: 1 });
    expect(await other.get('k', async () => ({ n: 2 }))).toEqual({ n: 2 });
    expect(await slow.get('k', async () => ({ n: 3 }))).toEqual({ n: 2 });
  });

  it('answers from the loader while Redis is away', async () => {
    const away = new Redis({ port: 1, lazyConnect: true, retryStrategy: () => 50, disconnectTimeout: 10 });
    away.on('error', () => {});
    const cache = newCache('away', away);
    const startedAt = performance.now();
    for (let n = 0; n < 20; n++) expect(await cache.get(`k${n}`, async () => ({ n }))).toEqual({ n });
    await cache.invalidate('k1');
    expect(performance.now() - startedAt).toBeLessThan(1000);
    away.disconnect();
  });
});
