import type { Credentials, PeerSecurity, TlsTrust } from '@flashmesh/core';
import { Redis, type RedisOptions } from 'ioredis';
import type { BaseEnv } from './env.ts';

type RedisEnv = Pick<
  BaseEnv,
  'REDIS_URL' | 'REDIS_SENTINELS' | 'REDIS_MASTER_NAME' | 'redisSecurity' | 'sentinelAuth'
>;

const RECONNECT_STEP_MS = 50;
const RECONNECT_MAX_MS = 1000;

/** A client of the Redis that the environment names, or of the master that its sentinels name. It connects when first used. */
export function createRedis(env: RedisEnv): Redis {
  const { redisSecurity, sentinelAuth } = env;
  const common: RedisOptions = {
    lazyConnect: true,
    // A command fails soon instead of waiting for a Redis that may not come back: callers answer "unavailable".
    maxRetriesPerRequest: 1,
    commandTimeout: 5000,
    connectTimeout: 2000,
    retryStrategy: (attempt) => {
      present(redis, redisSecurity.auth, sentinelAuth);
      return Math.min(attempt * RECONNECT_STEP_MS, RECONNECT_MAX_MS);
    },
    tls: redisSecurity.tls && tlsOptions(redisSecurity.tls),
  };
  const redis = env.REDIS_SENTINELS ? new Redis(sentinelOptions(env, common)) : redisAt(env, common);
  present(redis, redisSecurity.auth, sentinelAuth);
  return redis;
}

/** Where the client connects to, for people. */
export function redisAddress(env: RedisEnv): string {
  return env.REDIS_SENTINELS?.join(',') ?? new URL(env.REDIS_URL ?? '').host;
}

function redisAt(env: RedisEnv, options: RedisOptions): Redis {
  const url = new URL(env.REDIS_URL ?? '');
  // What an URL says wins over the options, and `rediss:` says "trust as Node does".
  url.protocol = 'redis:';
  if (env.redisSecurity.auth) url.username = url.password = '';
  return new Redis(url.href, options);
}

function sentinelOptions(env: RedisEnv, options: RedisOptions): RedisOptions {
  return {
    ...options,
    sentinels: env.REDIS_SENTINELS?.map(parseAddress),
    name: env.REDIS_MASTER_NAME,
    sentinelTLS: options.tls,
    enableTLSForSentinelMode: options.tls !== undefined,
    // The sentinels tell of a failover: the old master may be alive, and take commands that are about to be lost.
    failoverDetector: true,
    sentinelCommandTimeout: options.connectTimeout,
    // A replica that was master a moment ago has not heard of it: ask the sentinels, and send the command there.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  };
}

/** ioredis copies this whenever it opens a connection, so the file is read then. Node checks the host name. */
function tlsOptions(tls: TlsTrust): RedisOptions['tls'] {
  return {
    minVersion: 'TLSv1.2',
    get ca() {
      return tls.ca?.();
    },
  };
}

/** ioredis takes user and password from its options whenever it opens a connection: gives it what they are now. */
function present(redis: Redis, auth: PeerSecurity['auth'], sentinelAuth: Credentials | undefined): void {
  if (auth) Object.assign(redis.options, { username: auth.username, password: auth.password() });
  if (!sentinelAuth) return;
  const { username, password } = sentinelAuth;
  Object.assign(redis.options, { sentinelUsername: username, sentinelPassword: password() });
}

/** `host:port`; an IPv6 address stands in brackets. */
function parseAddress(address: string): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${address}`);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 26379) };
}
