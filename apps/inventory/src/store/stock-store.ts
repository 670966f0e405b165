import { type inventory, topics } from '@flashmesh/contracts';
import { FlashmeshError, invalidArgument, messageOf, partitionOf, SingleFlight } from '@flashmesh/core';
import {
  defineScript,
  EventProducer,
  type IncomingEvent,
  KafkaConnection,
  KafkaServer,
  type ProjectionRun,
  readLog,
  RedisProjection,
  traceparentOf,
} from '@flashmesh/messaging';
import { InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { StockSight } from '../domain/admission.ts';
import { commandOf } from '../domain/command.ts';
import { APPLY_BODY, commandArg, STATE_KEYS } from './apply-script.ts';
import { outboxEventId, toOutboxEvent } from './outbox.ts';

type CommandEvent = IncomingEvent<inventory.InventoryCommand>;

const applyCommands = defineScript('inventory.apply', APPLY_BODY);

const readStock = defineScript(
  'inventory.stock',
  `return { redis.call('HGET', S.stock, A[1]), redis.call('GET', S.backlog) }`,
);

/** Up to A[2] orders whose deadline is A[1] or earlier, the oldest first: id, SKU, id, SKU, ... */
const readOverdue = defineScript(
  'inventory.overdue',
  `
  local found = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', S.deadlines, '-inf', A[1], 'LIMIT', 0, A[2])) do
    found[#found + 1] = id
    found[#found + 1] = string.match(redis.call('HGET', S.orders, id), '^%S+ %d+ %d+ (%S+)')
  end
  return found
  `,
);

/** An order whose unpaid reservation has run out. */
export interface OverdueOrder {
  readonly orderId: string;
  readonly sku: string;
}

/** How many commands one call to Redis replays; Redis serves nobody else meanwhile. */
const REPLAY_BATCH = 500;

/**
 * The stock in Redis: a view of `inventory.commands`, kept with the position in it, and rebuilt from it when Redis lost it.
 * Each partition has one writer, its owner; every instance may read.
 */
@Injectable()
export class StockStore implements OnModuleInit, OnApplicationShutdown {
  private readonly projection: RedisProjection;
  private readonly kafka: KafkaConnection;
  private readonly server: KafkaServer;
  private readonly logger: Logger;
  private readonly announced = new SingleFlight<'ids', ReadonlySet<string>>();
  private partitionCount = 0;

  constructor(
    redis: Redis,
    kafka: KafkaConnection,
    producer: EventProducer,
    server: KafkaServer,
    @InjectLogger() logger: Logger,
  ) {
    this.kafka = kafka;
    this.server = server;
    this.logger = logger;
    this.projection = new RedisProjection({
      name: 'inventory',
      redis,
      producer,
      logger,
      stateKeys: [...STATE_KEYS],
      toEvent: toOutboxEvent,
      rebuild: (partition, run) => this.rebuild(partition, run),
    });
  }

  async onModuleInit(): Promise<void> {
    this.partitionCount = await this.kafka.partitionsOf(topics.inventoryCommands.name);
    this.server.ownPartitions(topics.inventoryCommands, this.projection);
  }

  onApplicationShutdown(): Promise<void> {
    return this.projection.stop();
  }

  /** How many partitions the stock is divided into. */
  get partitions(): number {
    return this.partitionCount;
  }

  /**
   * Applies a batch of one partition's commands: state, position and what is to be announced change in one step.
   *
   * @throws FlashmeshError `invalid_argument` when one of them can never be applied (nothing was), PositionLost.
   */
  async apply(events: readonly CommandEvent[]): Promise<void> {
    const last = events.at(-1);
    if (!last) return;
    const args = events.map((event) => argOf(event, traceparentOf(event)));
    await this.projection.apply(applyCommands, last.partition, { upTo: last.offset }, args);
  }

  /**
   * The balance of an SKU and the backlog before it, `undefined` when it never had stock.
   *
   * @throws FlashmeshError unavailable `REBUILDING` while its partition is being rebuilt.
   */
  async look(sku: string): Promise<StockSight | undefined> {
    const partition = partitionOf(sku, this.partitionCount);
    const [packed, backlog] = (await this.projection.read(readStock, partition, [sku])) as (string | null)[];
    if (!packed) return undefined;
    const [initial = 0, available = 0, reserved = 0, sold = 0] = packed.split(' ').map(Number);
    return { balance: { initial, available, reserved, sold }, backlog: Number(backlog ?? 0) };
  }

  /** Orders of a partition that are unpaid at `now`, at most `limit`, the oldest first. @throws as {@link look}. */
  async overdue(partition: number, now: number, limit: number): Promise<OverdueOrder[]> {
    const found = (await this.projection.read(readOverdue, partition, [now, limit])) as string[];
    return found.flatMap((orderId, at) => (at % 2 ? [] : [{ orderId, sku: found[at + 1] ?? '' }]));
  }

  /** Replays every command into the empty state; what was announced before is not announced again. */
  private async rebuild(partition: number, run: ProjectionRun): Promise<number> {
    const announced = await this.announced.run('ids', () => this.readAnnounced());
    let next = 0;
    await readLog(this.kafka, topics.inventoryCommands, { partition }, async (events) => {
      for (let at = 0; at < events.length; at += REPLAY_BATCH) {
        const batch = events.slice(at, at + REPLAY_BATCH);
        const upTo = batch.at(-1)?.offset ?? next;
        await run.apply(applyCommands, { upTo }, this.replayArgs(batch));
        next = upTo + 1;
      }
    });
    await run.filterOutbox((entry) => !announced.has(outboxEventId(entry)));
    return next;
  }

  /** The ids in `inventory.events`. Read whole, as orders of one partition of commands are spread over all of them. */
  private async readAnnounced(): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    await readLog(this.kafka, topics.inventoryEvents, {}, (events) => {
      for (const { id } of events) ids.add(id);
    });
    return ids;
  }

  /** A record that was refused when it came first is refused again: it waits among the dead letters. */
  private replayArgs(events: readonly CommandEvent[]): string[] {
    return events.flatMap((event) => {
      try {
        return [argOf(event, event.traceparent)];
      } catch (error) {
        if (!(error instanceof FlashmeshError)) throw error;
        const { partition, offset } = event;
        this.logger.warn({ partition, offset, error: messageOf(error) }, 'replay skips a bad command');
        return [];
      }
    });
  }
}

function argOf(event: CommandEvent, traceparent: string | undefined): string {
  if (!Number.isSafeInteger(event.time) || event.time < 0) {
    throw invalidArgument('ce_time', 'must be a moment since 1970');
  }
  return commandArg(commandOf(event.data), event.time, traceparent);
}
