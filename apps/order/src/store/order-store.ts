import { topics } from '@flashmesh/contracts';
import { type Clock, partitionOf } from '@flashmesh/core';
import {
  defineScript,
  EventProducer,
  KafkaConnection,
  KafkaServer,
  type OutboxEvent,
  type ProjectionRun,
  readLog,
  RedisProjection,
} from '@flashmesh/messaging';
import { InjectClock, InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import { busy } from '../busy.ts';
import { messageOf } from '../domain/messages.ts';
import type { OrderRecord, PlacedOrder } from '../domain/order.ts';
import type { SagaAction, SagaInput, SagaOutput } from '../domain/saga.ts';
import { DUE, GET, MISSING, PLACE, RESTORE, STEP } from './order-scripts.ts';
import { decodeRecord, encodeRecord, splitHead } from './order-text.ts';
import { restoreArguments } from './restore.ts';
import { inputCode } from './saga-lua.ts';

/** How long an order may stand still before it is driven again; doubles with the time it stands, up to the greatest. */
const DUE_AFTER_MS = 5000;
const DUE_AFTER_AT_MOST_MS = 60_000;

/** Events that one call to Redis restores; Redis serves nobody else meanwhile. */
const RESTORE_BATCH = 500;

const scripts = {
  place: defineScript('orders.place', PLACE),
  get: defineScript('orders.get', GET),
  missing: defineScript('orders.missing', MISSING),
  step: defineScript('orders.step', STEP),
  due: defineScript('orders.due', DUE),
  restore: defineScript('orders.restore', RESTORE),
};

/** Something that an order's saga learned. */
export interface Learned {
  readonly orderId: string;
  readonly input: SagaInput;
  /** When it happened, milliseconds since the epoch. */
  readonly at: number;
  /** The trace in which it became known, W3C. */
  readonly traceparent?: string;
}

/** What a step of the saga asks of payment. */
export interface SagaTask {
  readonly action: SagaAction;
  readonly record: OrderRecord;
  readonly traceparent?: string;
}

/**
 * The view of all orders, in Redis, by partition: partition p holds the orders whose events are in partition p of
 * `inventory.events` and `orders.events`. Its owner takes the steps of the saga; anybody may place and read. A view that
 * was lost is rebuilt from the log; until then reads and writes throw `unavailable` (`REBUILDING`).
 */
@Injectable()
export class OrderStore implements OnModuleInit, OnApplicationShutdown {
  private partitions = 0;
  private readonly owned = new Map<number, AbortController>();
  private readonly projection: RedisProjection;
  private readonly kafka: KafkaConnection;
  private readonly server: KafkaServer;
  private readonly clock: Clock;

  constructor(
    redis: Redis,
    kafka: KafkaConnection,
    producer: EventProducer,
    server: KafkaServer,
    @InjectLogger() logger: Logger,
    @InjectClock() clock: Clock,
  ) {
    this.kafka = kafka;
    this.server = server;
    this.clock = clock;
    this.projection = new RedisProjection({
      name: 'orders',
      redis,
      producer,
      logger,
      stateKeys: ['orders', 'open'],
      rebuild: (partition, run) => this.rebuild(partition, run),
      toEvent: outboxEvent,
      onReady: (partition) => this.owned.set(partition, new AbortController()),
      onRevoked: (partition) => {
        this.owned.get(partition)?.abort();
        this.owned.delete(partition);
      },
    });
  }

  async onModuleInit(): Promise<void> {
    this.partitions = await this.kafka.partitionsOf(topics.inventoryEvents.name);
    this.server.ownPartitions(topics.inventoryEvents, this.projection);
  }

  onApplicationShutdown(): Promise<void> {
    return this.projection.stop();
  }

  /** Has the view rebuilt from the log; resolves when it is. @throws as `RedisProjection.renew`. */
  renew(signal: AbortSignal): Promise<void> {
    return this.projection.renew(this.partitions, signal);
  }

  partitionOf(orderId: string): number {
    return partitionOf(orderId, this.partitions);
  }

  /** Aborts when this instance stops being the owner of the partition; `undefined` when it is not. */
  ownership(partition: number): AbortSignal | undefined {
    return this.owned.get(partition)?.signal;
  }

  /** The partitions that this instance owns. */
  get ownedPartitions(): number[] {
    return [...this.owned.keys()];
  }

  /**
   * Creates the order in state PLACED unless there is one with its id; that one is returned then.
   *
   * @param maxOpen refuses a new order when as many in its partition have not ended.
   * @throws FlashmeshError `resource_exhausted` (`BUSY`), and nothing is created.
   */
  async place(placed: PlacedOrder, maxOpen?: number): Promise<{ record: OrderRecord; created: boolean }> {
    const record: OrderRecord = { order: placed, state: 'PLACED', updatedAt: placed.placedAt };
    const args = [placed.id, encodeRecord(record), this.clock.now() + DUE_AFTER_MS];
    if (maxOpen !== undefined) args.push(maxOpen);
    const known = (await this.projection.write(scripts.place, this.partitionOf(placed.id), args)) as
      string | null;
    if (known === 'busy') throw busy();
    return known ? { record: decodeRecord(known), created: false } : { record, created: true };
  }

  async get(orderId: string): Promise<OrderRecord | undefined> {
    const found = (await this.projection.read(scripts.get, this.partitionOf(orderId), [orderId])) as
      string | null;
    return found ? decodeRecord(found) : undefined;
  }

  /** Those of the orders, all of one partition, that the view does not hold. */
  async missing(partition: number, orderIds: string[]): Promise<string[]> {
    return (await this.projection.read(scripts.missing, partition, orderIds)) as string[];
  }

  /**
   * Takes the steps for a batch of inventory's events and moves the watermark to `upTo`, in one call.
   *
   * @throws PositionLost when this instance is not the owner any more.
   */
  applyEvents(partition: number, upTo: number, learned: readonly Learned[]): Promise<SagaTask[]> {
    return this.step(partition, { upTo }, learned);
  }

  /** Takes the step for an answer of payment, if the order still waits for it. @throws PositionLost */
  advance(learned: Learned): Promise<SagaTask[]> {
    return this.step(this.partitionOf(learned.orderId), {}, [learned]);
  }

  /** Picks at most `limit` orders of an owned partition that have stood still for too long. @throws PositionLost */
  async due(partition: number, limit: number): Promise<OrderRecord[]> {
    const args = [this.clock.now(), limit, DUE_AFTER_MS, DUE_AFTER_AT_MOST_MS];
    const found = (await this.projection.apply(scripts.due, partition, {}, args)) as string[];
    return found.map((text) => decodeRecord(text));
  }

  /** Takes over what the log says of each order; the rest is told by inventory's events, which are all read again. */
  private async rebuild(partition: number, run: ProjectionRun): Promise<number> {
    await readLog(this.kafka, topics.orderEvents, { partition }, async (events) => {
      for (let at = 0; at < events.length; at += RESTORE_BATCH) {
        const batch = events.slice(at, at + RESTORE_BATCH);
        await run.apply(scripts.restore, {}, restoreArguments(batch, this.clock.now() + DUE_AFTER_MS));
      }
    });
    return 0;
  }

  private async step(
    partition: number,
    position: { upTo?: number },
    learned: readonly Learned[],
  ): Promise<SagaTask[]> {
    const inputs = learned.flatMap(({ orderId, input, at, traceparent }) => [
      orderId,
      inputCode(input),
      at,
      traceparent ?? '',
    ]);
    const args = [this.clock.now() + DUE_AFTER_MS, ...inputs];
    const found = (await this.projection.apply(scripts.step, partition, position, args)) as string[];
    const tasks: SagaTask[] = [];
    for (let i = 0; i < found.length; i += 3) {
      const [action, traceparent, text = ''] = found.slice(i, i + 3);
      tasks.push({
        action: action as SagaAction,
        record: decodeRecord(text),
        traceparent: traceparent || undefined,
      });
    }
    return tasks;
  }
}

/** An entry of the outbox, `output|time|traceparent|record`, as the event to publish. */
export function outboxEvent(entry: string): OutboxEvent {
  const [output, time, traceparent, text = ''] = splitHead(entry, 3);
  const message = messageOf(output as SagaOutput, decodeRecord(text));
  return { ...message, time: Number(time), traceparent: traceparent || undefined };
}
