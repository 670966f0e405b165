import { join } from 'node:path';
import { z } from 'zod';
import { loadEnv } from './env.ts';
import { createRedis, redisAddress } from './redis-client.ts';

const material = join(import.meta.dirname, '../../core/src/testing/tls');
const ca = join(material, 'test-only-authority.crt');
const base = { INSTANCE_ID: 'a', ZOOKEEPER: 'z:2181', KAFKA_BROKERS: 'k:9092' };
/** Not a secret: any readable file will do. */
const password = join(material, 'README.md');

function client(environment: Record<string, string | undefined>) {
  const env = loadEnv(z.object({}), { ...base, ...environment });
  return { env, redis: createRedis(env) };
}

describe('createRedis', () => {
  it('connects as its URL says', () => {
    const { env, redis } = client({ REDIS_URL: 'redis://ann:secret@r:6380/2' });
    expect(redis.options).toMatchObject({
      host: 'r',
      port: 6380,
      db: 2,
      username: 'ann',
      password: 'secret',
    });
    expect(redis.options.tls).toBeUndefined();
    expect(redisAddress(env)).toBe('r:6380');
  });

  it('trusts the given authority only, whether the URL asks for TLS or the variable', () => {
    for (const environment of [
      { REDIS_URL: 'rediss://r:6379' },
      { REDIS_URL: 'redis://r:6379', REDIS_TLS: 'true' },
    ]) {
      const { redis } = client({ ...environment, REDIS_CA_FILE: ca });
      expect({ ...redis.options.tls }).toEqual({
        minVersion: 'TLSv1.2',
        ca: expect.stringContaining('BEGIN CERTIFICATE'),
      });
    }
  });

  it('is the user of the variables rather than that of the URL, with the password as it is when it reconnects', () => {
    const { redis } = client({
      REDIS_URL: 'redis://ann:secret@r:6379',
      REDIS_USERNAME: 'bob',
      REDIS_PASSWORD_FILE: password,
    });
    const given = { username: 'bob', password: expect.stringContaining('Test material') };
    expect(redis.options).toMatchObject(given);
    redis.options.password = 'as it was';
    redis.options.retryStrategy?.(1);
    expect(redis.options).toMatchObject(given);
  });

  it('asks sentinels for the master, with TLS and users for both', () => {
    const { env, redis } = client({
      REDIS_SENTINELS: 's1:26379, [::1]:26380,s3',
      REDIS_MASTER_NAME: 'shop',
      REDIS_TLS: 'true',
      REDIS_CA_FILE: ca,
      REDIS_USERNAME: 'bob',
      REDIS_PASSWORD_FILE: password,
      REDIS_SENTINEL_USERNAME: 'guard',
      REDIS_SENTINEL_PASSWORD_FILE: password,
    });
    const text = expect.stringContaining('Test material');
    expect(redis.options).toMatchObject({
      sentinels: [
        { host: 's1', port: 26379 },
        { host: '::1', port: 26380 },
        { host: 's3', port: 26379 },
      ],
      name: 'shop',
      enableTLSForSentinelMode: true,
      username: 'bob',
      password: text,
      sentinelUsername: 'guard',
      sentinelPassword: text,
    });
    for (const tls of [redis.options.tls, redis.options.sentinelTLS]) {
      expect({ ...tls }).toMatchObject({ ca: expect.stringContaining('BEGIN CERTIFICATE') });
    }
    expect(redisAddress(env)).toBe('s1:26379,[::1]:26380,s3');
  });

  it('asks sentinels without TLS where that is off', () => {
    const { redis } = client({ REDIS_SENTINELS: 's1:26379', REDIS_MASTER_NAME: 'shop' });
    expect(redis.options).toMatchObject({ enableTLSForSentinelMode: false });
    expect([redis.options.tls, redis.options.sentinelTLS]).toEqual([undefined, undefined]);
  });
});
