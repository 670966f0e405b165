import { randomUUID } from 'node:crypto';
import type { Topic } from '@flashmesh/contracts';
import { type Clock, systemClock } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import {
  BaseRpcContext,
  type CustomTransportStrategy,
  type MessageHandler,
  Server,
  Transport,
} from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import { DeadLetters } from './dead-letters.ts';
import type { IncomingEvent } from './envelope.ts';
import type { EventProducer } from './event-producer.ts';
import { GroupConsumer, type GroupSubscription } from './group-consumer.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { OnEventOptions } from './on-event.ts';
import type { PartitionOwner } from './partition-owner.ts';
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry-policy.ts';
import { traceProcessing } from './tracing.ts';

/** How a {@link KafkaServer} behaves. */
export interface KafkaServerOptions {
  readonly connection: KafkaConnection;
  /** For dead letters. */
  readonly producer: EventProducer;
  /** The consumer group: the name of the service. */
  readonly group: string;
  readonly instanceId: string;
  /** The topics that handlers may name. */
  readonly topics: readonly Topic<unknown>[];
  readonly logger: Logger;
  /** After how long without a heartbeat the group gives the partitions to others, in milliseconds. @default 6000 */
  readonly sessionTimeoutMs?: number;
  /**
   * Least time between two fetches that bring something, in milliseconds: under load, records come in larger batches, which
   * cost a fraction each. @default 20
   */
  readonly paceMs?: number;
  /** How failed handlers are tried again. */
  readonly retry?: Partial<RetryPolicy>;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** What `@Ctx()` gives to a handler: the events of the call, also when it gets one only. */
export class EventContext extends BaseRpcContext<[readonly IncomingEvent<unknown>[]]> {
  get events(): readonly IncomingEvent<unknown>[] {
    return this.args[0];
  }
}

const DEFAULT_SESSION_TIMEOUT_MS = 6000;
const DEFAULT_PACE_MS = 20;

/**
 * The Nest transport that calls `@OnEvent` handlers: one member of the service's consumer group, and one of a group of its
 * own for broadcast handlers.
 */
export class KafkaServer extends Server implements CustomTransportStrategy {
  override readonly transportId = Transport.KAFKA;
  /** Failures come back to the lanes, which decide what they mean. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly options: KafkaServerOptions;
  private readonly known: ReadonlyMap<string, Topic<unknown>>;
  private readonly owners = new Map<string, PartitionOwner>();
  private consumers: GroupConsumer[] = [];
  private listening = false;

  constructor(options: KafkaServerOptions) {
    super();
    this.options = options;
    this.known = new Map(options.topics.map((topic) => [topic.name, topic]));
  }

  /** Whether every consumer that the handlers need is a member of its group: a part of readiness. */
  get healthy(): boolean {
    return this.listening && this.consumers.every((consumer) => consumer.healthy);
  }

  /**
   * The positions of a topic are kept by its owner, beside the state; Kafka's own only show the lag. Before `listen`.
   *
   * @throws TypeError when already listening.
   */
  ownPartitions<T>(topic: Topic<T>, owner: PartitionOwner): void {
    if (this.listening) throw new TypeError(`${topic.name}: own partitions before listening`);
    this.owners.set(topic.name, owner);
  }

  override addHandler(
    pattern: unknown,
    handler: MessageHandler,
    isEventHandler = false,
    extras: OnEventOptions = {},
  ): void {
    const topic = String(pattern);
    if (!isEventHandler) throw new TypeError(`${topic}: Kafka handlers take events, not calls`);
    if (!this.known.has(topic)) throw new TypeError(`${topic}: not among the topics of this server`);
    const route = extras.broadcast ? `${topic} (broadcast)` : topic;
    if (this.messageHandlers.has(route)) throw new TypeError(`${route}: two handlers, one is allowed`);
    this.messageHandlers.set(route, Object.assign(handler, { isEventHandler, extras: { ...extras, topic } }));
  }

  async listen(callback: (error?: unknown) => void): Promise<void> {
    try {
      await this.start();
    } catch (error) {
      callback(error);
      return;
    }
    callback();
  }

  async close(): Promise<void> {
    this.listening = false;
    await Promise.all(this.consumers.map((consumer) => consumer.stop()));
  }

  on(): never {
    throw new TypeError('a Kafka server has no events of its own');
  }

  unwrap(): never {
    throw new TypeError('what is behind a Kafka server is its own business');
  }

  private async start(): Promise<void> {
    this.listening = true;
    const { group, instanceId } = this.options;
    // A group of one process's life: nothing is committed, and a killed predecessor is not waited for.
    const own = `${group}.${instanceId}.${randomUUID().slice(0, 8)}`;
    const handlers = [...this.messageHandlers.values()];
    this.consumers = [
      ...this.consumerOf(
        group,
        true,
        handlers.filter(({ extras }) => !extras?.['broadcast']),
      ),
      ...this.consumerOf(
        own,
        false,
        handlers.filter(({ extras }) => extras?.['broadcast']),
      ),
    ];
    await Promise.all(this.consumers.map((consumer) => consumer.start()));
  }

  private consumerOf(group: string, remembers: boolean, handlers: MessageHandler[]): GroupConsumer[] {
    if (handlers.length === 0) return [];
    const { connection, producer, logger, sessionTimeoutMs, retry, clock = systemClock } = this.options;
    const services = {
      deadLetters: new DeadLetters(connection, producer, this.options.group, logger),
      retry: { ...DEFAULT_RETRY_POLICY, ...retry },
      clock,
      logger,
    };
    return [
      new GroupConsumer({
        connection,
        group,
        remembers,
        subscriptions: handlers.map((handler) => this.subscriptionOf(handler)),
        services,
        sessionTimeoutMs: sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS,
        paceMs: this.options.paceMs ?? DEFAULT_PACE_MS,
        clock,
        logger,
      }),
    ];
  }

  private subscriptionOf(handler: MessageHandler): GroupSubscription {
    const extras = handler.extras as OnEventOptions & { topic: string };
    const topic = this.known.get(extras.topic) as Topic<unknown>;
    const owner = extras.broadcast ? undefined : this.owners.get(topic.name);
    return {
      topic,
      batch: extras.batch ?? 1,
      // An owner's positions begin at 0, whatever the group remembers.
      from: owner ? 'earliest' : (extras.from ?? (extras.broadcast ? 'latest' : 'earliest')),
      owner,
      handle: (events) =>
        traceProcessing(events, async () => {
          const data = extras.batch === undefined ? events[0] : events;
          const result: unknown = await handler(data, new EventContext([events]));
          if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
        }),
    };
  }
}
