// What the specs of this library share; no part of it.
import { randomUUID } from 'node:crypto';
import { event, type Topic } from '@flashmesh/contracts';
import { createLogger, type Logger } from '@flashmesh/telemetry';
import { jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { EventProducer } from './event-producer.ts';
import { KafkaConnection } from './kafka-connection.ts';
import { KafkaServer, type KafkaServerOptions } from './kafka-server.ts';
import type { IncomingEvent } from './envelope.ts';
import type { OnEventOptions } from './on-event.ts';

// Real servers on a busy machine: how long something takes is not what is tested.
jest.setTimeout(60_000);

export type TestEvent = event.Event;
export type TestTopic = Topic<TestEvent>;

export const testLogger: Logger = createLogger({
  service: 'messaging-spec',
  instance: 'spec',
  level: process.env['SPEC_LOG_LEVEL'] ?? 'silent',
});

/** A topic that no other test uses. */
export function testTopic(config: Record<string, string> = {}): TestTopic {
  const name = `spec.${randomUUID().slice(0, 8)}`;
  return { name, type: 'flashmesh.event.v1.Event', codec: event.Event, config };
}

export function testEvent(id: string): TestEvent {
  return event.Event.create({ id, type: 'spec' });
}

/** A key of the given partition. */
export function keyOf(
  partition: number,
  partitions: number,
  partitionOf: (key: string, n: number) => number,
): string {
  for (let n = 0; ; n++) {
    if (partitionOf(`key-${n}`, partitions) === partition) return `key-${n}`;
  }
}

/** Waits until `probe` answers something true. */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  timeoutMs = 45_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(`never: ${probe.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A connection to the real Kafka; the caller closes it. */
export function kafkaConnection(): KafkaConnection {
  const brokers = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(',');
  return new KafkaConnection({ brokers, clientId: 'spec', logger: testLogger });
}

/** Real servers, and what was opened on them; `close` ends all of it. */
export class Stack {
  readonly connection: KafkaConnection;
  readonly producer: EventProducer;
  readonly redis: Redis;
  private closed = false;
  private readonly closers: (() => Promise<unknown>)[] = [];

  constructor() {
    this.connection = kafkaConnection();
    this.producer = new EventProducer(this.connection, { source: '/spec' });
    this.redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
  }

  onClose(close: () => Promise<unknown>): void {
    this.closers.push(close);
  }

  async topic(partitions: number, config: Record<string, string> = {}): Promise<TestTopic> {
    const topic = testTopic(config);
    await this.connection.ensureTopics([{ name: topic.name, partitions, config }]);
    return topic;
  }

  publish(topic: TestTopic, key: string, id: string): Promise<void> {
    return this.producer.publish(topic, { key, id, data: testEvent(id) });
  }

  server(topics: TestTopic[], options: Partial<KafkaServerOptions> = {}): KafkaServer {
    const { connection, producer } = this;
    const defaults = { group: `spec-${randomUUID().slice(0, 8)}`, instanceId: 'spec-1', logger: testLogger };
    const server = new KafkaServer({ connection, producer, topics, ...defaults, ...options });
    this.onClose(() => server.close());
    return server;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const close of this.closers.splice(0).toReversed()) await close();
    await this.producer.close();
    await this.connection.close();
    this.redis.disconnect();
  }
}

/** Registers a handler as Nest would, and starts listening. */
export async function listen(server: KafkaServer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    void server.listen((error) => (error ? reject(error) : resolve()));
  });
}

export function handle(
  server: KafkaServer,
  topic: TestTopic,
  handler: (event: IncomingEvent<TestEvent>) => Promise<void> | void,
  options: OnEventOptions = {},
): void {
  server.addHandler(topic.name, async (data: IncomingEvent<TestEvent>) => handler(data), true, options);
}

export function handleBatch(
  server: KafkaServer,
  topic: TestTopic,
  batch: number,
  handler: (events: IncomingEvent<TestEvent>[]) => Promise<void> | void,
): void {
  server.addHandler(topic.name, async (data: IncomingEvent<TestEvent>[]) => handler(data), true, { batch });
}
