import { messageOf, systemClock, unavailable, within } from '@flashmesh/core';
import { topics, type Topic } from '@flashmesh/contracts';
import { EventProducer, KafkaConnection, KafkaServer } from '@flashmesh/messaging';
import { Registry } from '@flashmesh/registry';
import { type Logger, traceRedis } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Redis } from 'ioredis';
import type { BaseEnv } from './env.ts';
import type { ShutdownStack } from './shutdown.ts';

/** How long a service waits at start for ZooKeeper, Kafka and Redis before it gives up with a clear error. */
const CONNECT_TIMEOUT_MS = 30_000;

/** What every service talks to, connected. */
export interface Dependencies {
  readonly zookeeper: ZooKeeper;
  readonly registry: Registry;
  readonly redis: Redis;
  readonly kafka: KafkaConnection;
  readonly producer: EventProducer;
  readonly consumer: KafkaServer;
}

/** Connects to everything at once, registers how to disconnect, and makes sure that the shop's topics exist. */
export async function connectDependencies(
  { name, consumerPaceMs }: { readonly name: string; readonly consumerPaceMs?: number },
  env: BaseEnv,
  logger: Logger,
  shutdown: ShutdownStack,
): Promise<Dependencies> {
  const kafka = new KafkaConnection({ brokers: env.KAFKA_BROKERS, clientId: env.INSTANCE_ID, logger });
  shutdown.push('kafka', () => kafka.close());
  const [zookeeper, redis] = await Promise.all([
    connectZooKeeper(env, logger, shutdown),
    connectRedis(env, logger, shutdown),
    ensureTopics(kafka, env),
  ]);
  const registry = new Registry(zookeeper, { logger });
  shutdown.push('registry', () => registry.close());
  const producer = new EventProducer(kafka, { source: `/${name}/${env.INSTANCE_ID}` });
  shutdown.push('producer', () => producer.close());
  const known = Object.values(topics) as Topic<unknown>[];
  const consumer = new KafkaServer({
    connection: kafka,
    producer,
    group: name,
    instanceId: env.INSTANCE_ID,
    topics: known,
    paceMs: consumerPaceMs,
    logger,
  });
  return { zookeeper, registry, redis, kafka, producer, consumer };
}

async function connectZooKeeper(env: BaseEnv, logger: Logger, shutdown: ShutdownStack): Promise<ZooKeeper> {
  const signal = AbortSignal.timeout(CONNECT_TIMEOUT_MS);
  try {
    const zookeeper = await ZooKeeper.connect({
      servers: env.ZOOKEEPER,
      sessionTimeoutMs: env.ZOOKEEPER_SESSION_TIMEOUT_MS,
      logger,
      signal,
    });
    shutdown.push('zookeeper', () => zookeeper.close());
    return zookeeper;
  } catch (cause) {
    throw unavailable('ZOOKEEPER_UNREACHABLE', `no ZooKeeper at ${env.ZOOKEEPER}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function connectRedis(env: BaseEnv, logger: Logger, shutdown: ShutdownStack): Promise<Redis> {
  const redis = traceRedis(
    new Redis(env.REDIS_URL, {
      lazyConnect: true,
      // A command fails soon instead of waiting for a Redis that may not come back: callers answer "unavailable".
      maxRetriesPerRequest: 1,
      commandTimeout: 5000,
      connectTimeout: 2000,
      retryStrategy: (attempt) => Math.min(attempt * 50, 1000),
    }),
  );
  redis.on('error', (error: Error) => logger.warn({ error: error.message }, 'redis connection trouble'));
  shutdown.push('redis', () => redis.disconnect());
  const deadline = systemClock.monotonic() + CONNECT_TIMEOUT_MS;
  for (;;) {
    try {
      await redis.ping();
      return redis;
    } catch (cause) {
      if (systemClock.monotonic() > deadline) {
        throw unavailable(
          'REDIS_UNREACHABLE',
          `no Redis at ${new URL(env.REDIS_URL).host}: ${messageOf(cause)}`,
          { cause },
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function ensureTopics(kafka: KafkaConnection, env: BaseEnv): Promise<void> {
  const shape = { partitions: env.KAFKA_PARTITIONS, replicationFactor: env.KAFKA_REPLICATION };
  const wanted = Object.values(topics).map(({ name, config }) => ({ name, ...shape, config }));
  try {
    await within(kafka.ensureTopics(wanted), CONNECT_TIMEOUT_MS, 'creating the topics');
  } catch (cause) {
    throw unavailable(
      'KAFKA_UNREACHABLE',
      `no Kafka at ${env.KAFKA_BROKERS.join(',')}: ${messageOf(cause)}`,
      { cause },
    );
  }
}
