import type { Redis } from 'ioredis';
import type { CacheStore } from './cache-store.ts';

/** The command that {@link REPLACE} becomes; also its name in traces: `redis script cacheReplace`. */
const COMMAND = 'cacheReplace';

const REPLACE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  return 1
end
return 0`;

type WithReplace = Redis & {
  [COMMAND](key: string, seen: Buffer, value: Buffer, ttlMs: number): Promise<number>;
};

/** The store in Redis. The client is the caller's: it is neither configured nor closed here. */
export class RedisStore implements CacheStore {
  private readonly redis: WithReplace;

  constructor(redis: Redis) {
    if (!(COMMAND in redis)) redis.defineCommand(COMMAND, { numberOfKeys: 1, lua: REPLACE });
    this.redis = redis as WithReplace;
  }

  async get(key: string): Promise<Buffer | undefined> {
    return (await this.redis.getBuffer(key)) ?? undefined;
  }

  async set(key: string, value: Buffer, ttlMs: number): Promise<void> {
    await this.redis.set(key, value, 'PX', ttlMs);
  }

  async replace(key: string, seen: Buffer | undefined, value: Buffer, ttlMs: number): Promise<boolean> {
    if (seen) return (await this.redis[COMMAND](key, seen, value, ttlMs)) === 1;
    return (await this.redis.set(key, value, 'PX', ttlMs, 'NX')) === 'OK';
  }

  async delete(key: string): Promise<void> {
    await this.redis.unlink(key);
  }
}
