import {
  FlashmeshError,
  messageOf,
  type PeerSecurity,
  sleep,
  systemClock,
  unavailable,
} from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { type Admin, Kafka } from 'kafkajs';
import type { ConsumerListener, ConsumerOptions, DriverConsumer, DriverProducer } from './driver.ts';
import { openKafkajsConsumer } from './kafkajs-consumer.ts';
import { bridgeKafkajsLogger } from './kafkajs-logger.ts';
import { KafkajsProducer } from './kafkajs-producer.ts';
import { kafkajsSecurity } from './kafkajs-security.ts';
import { fixKafkajsTimers } from './kafkajs-timer-fix.ts';
import { LogReader } from './log-reader.ts';

/** How to reach Kafka. */
export interface KafkaConnectionOptions {
  /** `host:port` of some brokers; the rest is learnt from them. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** TLS, and a user of SASL's SCRAM-SHA-512. @default plain TCP, and no user */
  readonly security?: PeerSecurity;
  readonly logger: Logger;
}

/** A topic as it should exist. */
export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** @default the broker's own */
  readonly replicationFactor?: number;
  /** Settings in Kafka's own names. */
  readonly config: Readonly<Record<string, string>>;
}

/** How {@link KafkaConnection.ensureTopics} goes about it. */
export interface EnsureTopicsOptions {
  /** Whether to create what is missing; without, it is waited for, as somebody else creates it. @default true */
  readonly create?: boolean;
  /** How long to wait for Kafka and for the topics, in milliseconds. @default 60000 */
  readonly timeoutMs?: number;
}

/** kafkajs gives up a request after these: about 3 s, and whoever called decides what then. */
const RETRY = { initialRetryTime: 100, factor: 0.2, multiplier: 2, maxRetryTime: 1000, retries: 5 };
const CONNECT_TIMEOUT_MS = 2000;
const REQUEST_TIMEOUT_MS = 10_000;
/** How long {@link KafkaConnection.ensureTopics} waits unless it is told otherwise. */
const TOPICS_TIMEOUT_MS = 60_000;
const TOPICS_RETRY_MS = 500;

fixKafkajsTimers();

/**
 * The one place that knows which Kafka client is used (kafkajs 2.2.4): everything else in this library talks to Kafka through
 * it. Connects when first used, and again whenever a connection breaks.
 */
export class KafkaConnection {
  private readonly kafka: Kafka;
  private readonly logger: Logger;
  private readonly partitionCounts = new Map<string, Promise<number>>();
  private admin: Promise<Admin> | undefined;
  private logReader: LogReader | undefined;
  private closed = false;

  constructor(options: KafkaConnectionOptions) {
    this.logger = options.logger;
    this.kafka = new Kafka({
      clientId: options.clientId,
      brokers: [...options.brokers],
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retry: RETRY,
      ...kafkajsSecurity(options.security ?? {}),
      ...bridgeKafkajsLogger(options.logger),
    });
  }

  /**
   * Creates what is missing, or waits for it, and waits until every partition has a leader. Safe to call from many processes
   * at once. Also waits for a Kafka that is still starting.
   *
   * @throws FlashmeshError `failed_precondition` (`TOPIC_PARTITIONS`) when a topic exists with another number of partitions:
   *   keys would move to other partitions than those that hold their past.
   * @throws FlashmeshError `unavailable` (`LOG_UNAVAILABLE`) naming what is still missing when the time is up.
   */
  async ensureTopics(topics: readonly TopicSpec[], options: EnsureTopicsOptions = {}): Promise<void> {
    const { create = true, timeoutMs = TOPICS_TIMEOUT_MS } = options;
    const deadline = systemClock.monotonic() + timeoutMs;
    let said = '';
    for (;;) {
      try {
        await this.checkTopics(topics, create);
        return;
      } catch (error) {
        const final = error instanceof FlashmeshError && error.kind === 'failed_precondition';
        if (final || this.closed || systemClock.monotonic() > deadline) throw error;
        // The same reason, twice a second, is worth one line.
        if (said !== messageOf(error))
          this.logger.warn({ error: messageOf(error) }, 'the topics are not there yet, trying again');
        said = messageOf(error);
        await sleep(TOPICS_RETRY_MS);
      }
    }
  }

  /** The number of partitions of a topic; asked once, then remembered. */
  partitionsOf(topic: string): Promise<number> {
    const known = this.partitionCounts.get(topic);
    if (known) return known;
    const asked = this.withAdmin(`reading the partitions of ${topic}`, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.length ?? 0;
    });
    this.partitionCounts.set(topic, asked);
    asked.catch(() => this.partitionCounts.delete(topic));
    return asked;
  }

  /**
   * Where a consumer group goes on in a partition by what it committed to Kafka; 0 when it committed nothing. For owned topics
   * this trails the position that is kept beside the state.
   */
  committedOffset(group: string, topic: string, partition: number): Promise<number> {
    return this.withAdmin(`reading the offsets of ${group}`, async (admin) => {
      const [answer] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
      const found = answer?.partitions.find((entry) => entry.partition === partition);
      return Math.max(Number(found?.offset ?? 0), 0);
    });
  }

  /** @internal */
  openProducer(): DriverProducer {
    return new KafkajsProducer(this.kafka);
  }

  /** @internal Resolves once the member has joined its group. */
  openConsumer(options: ConsumerOptions, listener: ConsumerListener): Promise<DriverConsumer> {
    return openKafkajsConsumer(this.kafka, options, listener);
  }

  /** @internal Reads partitions without a consumer group. */
  get reader(): LogReader {
    this.logReader ??= new LogReader(this.kafka);
    return this.logReader;
  }

  /** Closes what this object opened for itself. Producers and consumers are closed by their owners. */
  async close(): Promise<void> {
    this.closed = true;
    const admin = await this.admin?.catch(() => undefined);
    await Promise.all([admin?.disconnect(), this.logReader?.close()]);
  }

  private async checkTopics(topics: readonly TopicSpec[], create: boolean): Promise<void> {
    await this.withAdmin(create ? 'creating topics' : 'looking for topics', async (admin) => {
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter(({ name }) => !existing.has(name));
      if (missing.length > 0 && !create) {
        // Not left to the metadata request: some brokers create what is asked about.
        const names = missing.map(({ name }) => name).join(', ');
        throw unavailable('LOG_UNAVAILABLE', `not created yet: ${names}`);
      }
      if (missing.length > 0) {
        await admin.createTopics({
          waitForLeaders: false,
          topics: missing.map(({ name, partitions, replicationFactor, config }) => ({
            topic: name,
            numPartitions: partitions,
            replicationFactor: replicationFactor ?? -1,
            configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
          })),
        });
      }
      const metadata = await admin.fetchTopicMetadata({ topics: topics.map(({ name }) => name) });
      for (const { name, partitions } of topics) {
        const actual = metadata.topics.find((topic) => topic.name === name)?.partitions ?? [];
        if (actual.some(({ leader }) => leader < 0) || actual.length === 0) {
          throw unavailable('LOG_UNAVAILABLE', `topic ${name} has no leader yet`);
        }
        if (actual.length !== partitions) {
          throw new FlashmeshError(
            'failed_precondition',
            'TOPIC_PARTITIONS',
            `topic ${name} has ${actual.length} partitions, not ${partitions}`,
          );
        }
      }
    });
  }

  private async withAdmin<T>(what: string, use: (admin: Admin) => Promise<T>): Promise<T> {
    try {
      return await use(await this.connectedAdmin());
    } catch (cause) {
      if (cause instanceof FlashmeshError) throw cause;
      throw unavailable('LOG_UNAVAILABLE', `${what} failed: ${reasonOf(cause)}`, { cause });
    }
  }

  private connectedAdmin(): Promise<Admin> {
    if (this.closed) throw unavailable('LOG_UNAVAILABLE', 'the connection to Kafka is closed');
    if (this.admin) return this.admin;
    const admin = this.kafka.admin({ retry: RETRY });
    const connected = admin.connect().then(() => admin);
    this.admin = connected;
    connected.catch(() => {
      this.admin = undefined;
    });
    return connected;
  }
}

/** kafkajs bundles what went wrong with several topics under a heading that says nothing. */
function reasonOf(error: unknown): string {
  const reasons = (error as { errors?: readonly unknown[] }).errors?.map(messageOf) ?? [];
  return reasons.length === 0 ? messageOf(error) : [...new Set(reasons)].join('; ');
}
