import { messageOf, systemClock, unavailable, within } from '@flashmesh/core';
import { topics, type Topic } from '@flashmesh/contracts';
import { EventProducer, KafkaConnection, KafkaServer } from '@flashmesh/messaging';
import { Registry } from '@flashmesh/registry';
import { type Logger, traceRedis } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import type { Redis } from 'ioredis';
import type { BaseEnv } from './env.ts';
import { createRedis, redisAddress } from './redis-client.ts';
import type { ShutdownStack } from './shutdown.ts';

/** How long the last look at the topics may take beyond the time that they are waited for, in milliseconds. */
const LAST_LOOK_MS = 5000;

/** What every service talks to, connected. */
export interface Dependencies {
  readonly zookeeper: ZooKeeper;
  readonly registry: Registry;
  readonly redis: Redis;
  readonly kafka: KafkaConnection;
  readonly producer: EventProducer;
  readonly consumer: KafkaServer;
}

/**
 * Connects to everything at once, registers how to disconnect, and makes sure that the shop's topics exist. What is not there in
 * START_TIMEOUT_MS fails with a clear error.
 */
export async function connectDependencies(
  { name, consumerPaceMs }: { readonly name: string; readonly consumerPaceMs?: number },
  env: BaseEnv,
  logger: Logger,
  shutdown: ShutdownStack,
): Promise<Dependencies> {
  const kafka = new KafkaConnection({
    brokers: env.KAFKA_BROKERS,
    clientId: env.INSTANCE_ID,
    security: env.kafkaSecurity,
    logger,
  });
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
  try {
    const zookeeper = await ZooKeeper.connect({
      servers: env.ZOOKEEPER,
      sessionTimeoutMs: env.ZOOKEEPER_SESSION_TIMEOUT_MS,
      initialTimeoutMs: env.START_TIMEOUT_MS,
      ...env.zookeeperSecurity,
      logger,
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
  const redis = traceRedis(createRedis(env));
  let trouble = '';
  redis.on('error', (error: Error) => {
    trouble = error.message;
    logger.warn({ error: error.message }, 'redis connection trouble');
  });
  shutdown.push('redis', () => redis.disconnect());
  const deadline = systemClock.monotonic() + env.START_TIMEOUT_MS;
  for (;;) {
    try {
      await redis.ping();
      return redis;
    } catch (cause) {
      if (systemClock.monotonic() > deadline) {
        throw unavailable(
          'REDIS_UNREACHABLE',
          `no Redis at ${redisAddress(env)}: ${trouble || messageOf(cause)}`,
          {
            cause,
          },
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
    const timeoutMs = env.START_TIMEOUT_MS;
    const ensuring = kafka.ensureTopics(wanted, { create: env.KAFKA_CREATE_TOPICS, timeoutMs });
    // One look at the topics may hang longer than they are waited for.
    await within(ensuring, timeoutMs + LAST_LOOK_MS, 'looking for the topics');
  } catch (cause) {
    throw unavailable(
      'KAFKA_UNREACHABLE',
      `no Kafka at ${env.KAFKA_BROKERS.join(',')}: ${messageOf(cause)}`,
      { cause },
    );
  }
}
