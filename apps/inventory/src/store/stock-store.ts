import { type inventory, type Topic, topics } from '@flashmesh/contracts';
import {
  type Clock,
  FlashmeshError,
  invalidArgument,
  messageOf,
  partitionOf,
  SingleFlight,
  systemClock,
  withDefaults,
} from '@flashmesh/core';
import {
  contextOf,
  defineScript,
  type EventProducer,
  type IncomingEvent,
  type KafkaConnection,
  type KafkaServer,
  type ProjectionRun,
  readLog,
  RedisProjection,
} from '@flashmesh/messaging';
import { type Logger, traceparentOf } from '@flashmesh/telemetry';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { Redis } from 'ioredis';
import type { StockSight } from '../domain/admission.ts';
import { commandOf } from '../domain/command.ts';
import { APPLY_BODY, commandArg, STATE_KEYS } from './apply-script.ts';
import { outboxEventId, toOutboxEvent } from './outbox.ts';

type CommandEvent = IncomingEvent<inventory.InventoryCommand>;

const applyCommands = defineScript('inventory.apply', APPLY_BODY);

const readStock = defineScript(
  'inventory.stock',
  `return { redis.call('HGET', S.stock, A[1]), redis.call('GET', S.wait) }`,
);

/** 1 when the restock with the id A[1] was applied. */
const readRestocked = defineScript('inventory.restocked', `return redis.call('SISMEMBER', S.restocks, A[1])`);

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

/** Forgets by itself: a partition that is quiet says nothing more about a wait. */
const noteWait = defineScript('inventory.wait', `return redis.call('SET', S.wait, A[1], 'PX', 2000)`);

/** Commands applied in one call to Redis, at most; a full batch means that more wait. */
export const COMMAND_BATCH = 200;

/** A shorter wait is how a log works, and not worth noting. */
const WAIT_WORTH_NOTING_MS = 250;

/** How many commands one call to Redis replays; Redis serves nobody else meanwhile. */
const REPLAY_BATCH = 500;

/** What the stock is made of. */
export interface StockStoreOptions {
  readonly redis: Redis;
  readonly kafka: KafkaConnection;
  readonly producer: EventProducer;
  readonly server: Pick<KafkaServer, 'ownPartitions'>;
  readonly logger: Logger;
  /** Name of the projection: the first part of its keys in Redis. @default inventory */
  readonly name?: string;
  /** @default systemClock */
  readonly clock?: Clock;
  readonly commands?: Topic<inventory.InventoryCommand>;
  readonly events?: Topic<inventory.InventoryEvent>;
}

/**
 * The stock in Redis: a view of `inventory.commands`, kept with the position in it, and rebuilt from it when Redis lost it.
 * Each partition has one writer, its owner; every instance may read.
 */
export class StockStore implements OnModuleInit, OnApplicationShutdown {
  private readonly options: Required<StockStoreOptions>;
  private readonly projection: RedisProjection;
  private readonly announced = new SingleFlight<'ids', ReadonlySet<string>>();
  private partitionCount = 0;

  constructor(options: StockStoreOptions) {
    this.options = withDefaults<StockStoreOptions>(
      {
        ...options,
        name: 'inventory',
        clock: systemClock,
        commands: topics.inventoryCommands,
        events: topics.inventoryEvents,
      },
      options,
    );
    const { name, redis, producer, logger, events } = this.options;
    this.projection = new RedisProjection({
      name,
      redis,
      producer,
      logger,
      stateKeys: [...STATE_KEYS],
      toEvent: (entry) => toOutboxEvent(entry, events),
      rebuild: (partition, run) => this.rebuild(partition, run),
    });
  }

  async onModuleInit(): Promise<void> {
    const { kafka, server, commands } = this.options;
    this.partitionCount = await kafka.partitionsOf(commands.name);
    server.ownPartitions(commands, this.projection);
  }

  onApplicationShutdown(): Promise<void> {
    return this.projection.stop();
  }

  /** Has the stock rebuilt from the log; resolves when it is. @throws as `RedisProjection.renew`. */
  renew(signal: AbortSignal): Promise<void> {
    return this.projection.renew(this.partitionCount, signal);
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
    const args = events.map((event) => argOf(event, traceparentOf(contextOf(event))));
    const { partition } = last;
    const refused = await this.projection.apply(applyCommands, partition, { upTo: last.offset }, args);
    if (Number(refused) > 0) {
      this.options.logger.warn(
        { partition, upTo: last.offset, refused },
        'refused what older holders of a sale’s lock sent',
      );
    }
    // Only a full batch: a command that was stamped long before it was sent did not wait here.
    const waitMs = this.options.clock.now() - last.time;
    if (events.length >= COMMAND_BATCH && waitMs >= WAIT_WORTH_NOTING_MS) {
      await this.projection.apply(noteWait, last.partition, {}, [waitMs]);
    }
  }

  /**
   * The balance of an SKU and the wait before it, `undefined` when it never had stock.
   *
   * @throws FlashmeshError unavailable `REBUILDING` while its partition is being rebuilt.
   */
  async look(sku: string): Promise<StockSight | undefined> {
    const partition = partitionOf(sku, this.partitionCount);
    const [packed, waitMs] = (await this.projection.read(readStock, partition, [sku])) as (string | null)[];
    if (!packed) return undefined;
    const [initial = 0, available = 0, reserved = 0, sold = 0] = packed.split(' ').map(Number);
    return { balance: { initial, available, reserved, sold }, waitMs: Number(waitMs ?? 0) };
  }

  /** Whether the restock with that id was applied. @throws as {@link look}. */
  async hasRestock(sku: string, restockId: string): Promise<boolean> {
    const partition = partitionOf(sku, this.partitionCount);
    return Number(await this.projection.read(readRestocked, partition, [restockId])) === 1;
  }

  /** Orders of a partition that are unpaid at `now`, at most `limit`, the oldest first. @throws as {@link look}. */
  async overdue(partition: number, now: number, limit: number): Promise<OverdueOrder[]> {
    const found = (await this.projection.read(readOverdue, partition, [now, limit])) as string[];
    return found.flatMap((orderId, at) => (at % 2 ? [] : [{ orderId, sku: found[at + 1] ?? '' }]));
  }

  /** Replays every command into the empty state; what was announced before is not announced again. */
  private async rebuild(partition: number, run: ProjectionRun): Promise<number> {
    const announced = await this.announced.run('ids', () => this.readAnnounced());
    const ends = await readLog(this.options.kafka, this.options.commands, { partition }, async (events) => {
      for (let at = 0; at < events.length; at += REPLAY_BATCH) {
        const batch = events.slice(at, at + REPLAY_BATCH);
        await run.apply(applyCommands, { upTo: batch.at(-1)?.offset }, this.replayArgs(batch));
      }
    });
    await run.filterOutbox((entry) => !announced.has(outboxEventId(entry)));
    return ends.get(partition) ?? 0;
  }

  /** The ids in `inventory.events`. Read whole, as orders of one partition of commands are spread over all of them. */
  private async readAnnounced(): Promise<ReadonlySet<string>> {
    const ids = new Set<string>();
    await readLog(this.options.kafka, this.options.events, {}, (events) => {
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
        this.options.logger.warn(
          { partition, offset, error: messageOf(error) },
          'replay skips a bad command',
        );
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
