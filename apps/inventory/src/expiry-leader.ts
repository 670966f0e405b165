import { topics } from '@flashmesh/contracts';
import { type Clock, FlashmeshError, messageOf, sleep } from '@flashmesh/core';
import { Election } from '@flashmesh/coordination';
import { EventProducer } from '@flashmesh/messaging';
import { InjectClock, InjectEnv, InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { ExpirySweeper } from './expiry-sweeper.ts';
import type { InventoryEnv } from './env.ts';
import { StockStore } from './store/stock-store.ts';

const ELECTION_PATH = '/flashmesh/election/expiry';

/**
 * One inventory instance at a time sends Expire commands for unpaid reservations. Leadership only saves work: whether a
 * reservation has run out is decided where the command is applied, so two leaders for a moment do no harm.
 */
@Injectable()
export class ExpiryLeader implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly election: Election;
  private readonly sweeper: ExpirySweeper;
  private readonly intervalMs: number;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(
    zookeeper: ZooKeeper,
    store: StockStore,
    producer: EventProducer,
    @InjectEnv() env: InventoryEnv,
    @InjectClock() clock: Clock,
    @InjectLogger() logger: Logger,
  ) {
    this.election = new Election(zookeeper, ELECTION_PATH, env.INSTANCE_ID);
    this.intervalMs = env.EXPIRY_SWEEP_MS;
    this.clock = clock;
    this.logger = logger;
    this.sweeper = new ExpirySweeper({
      store,
      clock,
      send: ({ orderId, sku }, time) =>
        producer.publish(topics.inventoryCommands, {
          key: sku,
          id: `${orderId}/expire`,
          time,
          data: { sku, command: { $case: 'expire', value: { orderId } } },
        }),
      onTrouble: (error) => {
        const expected = error instanceof FlashmeshError && error.kind === 'unavailable';
        logger[expected ? 'debug' : 'warn']({ error: messageOf(error) }, 'the expiry sweep skipped a part');
      },
    });
  }

  onApplicationBootstrap(): void {
    this.election.run(({ signal }) => this.lead(signal));
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.election.stop();
  }

  /** Sweeps until the leadership ends. */
  private async lead(signal: AbortSignal): Promise<void> {
    this.logger.info('leads the expiry of unpaid reservations');
    try {
      while (!signal.aborted) {
        await this.sweeper.sweep(signal);
        await sleep(this.intervalMs, signal, this.clock);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
