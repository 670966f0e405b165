import { assertNever, type Clock, messageOf, type Timer } from '@flashmesh/core';
import { PositionLost } from '@flashmesh/messaging';
import { InjectClock, InjectLogger } from '@flashmesh/service';
import { attr, contextFromTraceparent, type Logger, withSpan } from '@flashmesh/telemetry';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { OrderRecord } from '../domain/order.ts';
import { OrderLog } from '../order-log.ts';
import { OrderStore } from '../store/order-store.ts';
import { SagaRunner } from './saga-runner.ts';

const INTERVAL_MS = 2000;
/** Orders of a partition that are driven again in one sweep: a backlog is not made longer by asking about all of it. */
const PER_SWEEP = 200;

/**
 * Drives orders that stand still: whatever was lost with a process that died, a call that was never answered or a view
 * that was rebuilt, is asked for again. Every request is idempotent, so driving too often costs work and nothing else.
 */
@Injectable()
export class Redriver implements OnApplicationBootstrap, OnApplicationShutdown {
  private timer: Timer | undefined;
  private stopped = false;
  private sweeping: Promise<void> = Promise.resolve();
  private readonly store: OrderStore;
  private readonly log: OrderLog;
  private readonly runner: SagaRunner;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(
    store: OrderStore,
    log: OrderLog,
    runner: SagaRunner,
    @InjectClock() clock: Clock,
    @InjectLogger() logger: Logger,
  ) {
    this.store = store;
    this.log = log;
    this.runner = runner;
    this.clock = clock;
    this.logger = logger;
  }

  onApplicationBootstrap(): void {
    this.sweepLater();
  }

  /** Resolves when no sweep runs any more. */
  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.sweeping;
  }

  /** Drives what is due, in every partition that this instance owns. */
  async sweep(): Promise<void> {
    await Promise.all(this.store.ownedPartitions.map((partition) => this.sweepPartition(partition)));
  }

  private sweepLater(): void {
    this.timer = this.clock.after(INTERVAL_MS, () => {
      this.sweeping = this.sweep().finally(() => {
        if (!this.stopped) this.sweepLater();
      });
    });
  }

  private async sweepPartition(partition: number): Promise<void> {
    try {
      const due = await this.store.due(partition, PER_SWEEP);
      if (due.length > 0) this.logger.debug({ partition, orders: due.length }, 'driving orders again');
      await Promise.all(due.map((record) => this.drive(record)));
    } catch (error) {
      // The next owner, or the next sweep, does it.
      if (!(error instanceof PositionLost)) {
        this.logger.warn({ partition, error: messageOf(error) }, 'could not drive orders again');
      }
    }
  }

  private async drive(record: OrderRecord): Promise<void> {
    const { order: placed, state } = record;
    const { traceparent } = placed;
    switch (state) {
      case 'PLACED':
        await this.inTrace(record, async () => {
          await Promise.all([this.log.tell(record), this.log.reserve(placed)]);
        });
        return;
      case 'COMMITTING':
        await this.inTrace(record, () => this.log.commit(placed));
        return;
      case 'PAYING':
        return this.runner.start([{ action: 'charge', record, traceparent }]);
      case 'REFUNDING':
        return this.runner.start([{ action: 'void', record, traceparent }]);
      case 'CONFIRMED':
      case 'REJECTED':
      case 'CANCELLED':
        return;
      default:
        assertNever(state, 'state');
    }
  }

  private inTrace(record: OrderRecord, run: () => Promise<void>): Promise<void> {
    const attributes = { [attr.orderId]: record.order.id };
    const parent = contextFromTraceparent(record.order.traceparent);
    return withSpan('saga redrive', { parent, attributes }, run);
  }
}
