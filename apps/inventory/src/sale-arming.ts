import { inventory, znodes } from '@flashmesh/contracts';
import { type Clock, FlashmeshError, messageOf, sleep } from '@flashmesh/core';
import { DoubleBarrier, GroupMembership } from '@flashmesh/coordination';
import { InjectClock, InjectEnv, InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { joinPath, SubtreeCache, ZooKeeper } from '@flashmesh/zookeeper';
import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { InventoryEnv } from './env.ts';
import { StockStore } from './store/stock-store.ts';
import { StockView } from './store/stock-view.ts';

/** How often is looked for stock that is not there yet. */
const LOOK_MS = 25;
/** Pause after a part in a round failed. */
const RETRY_MS = 500;

/** This instance's part in one round. */
interface Part {
  readonly over: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Holds the doors of a sale until this instance is armed for it: enters the double barrier of each opening when it sees the
 * stock of all of the sale's SKUs, and leaves with all others.
 *
 * Who is waited for is the group of the instances that do this, not the registry: that also lists instances of a version before
 * it, for which an opening would wait in vain. An instance joins the group before it is in the registry and leaves it after.
 */
@Injectable()
export class SaleArming implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly zookeeper: ZooKeeper;
  private readonly store: Pick<StockStore, 'hasRestock'>;
  private readonly view: Pick<StockView, 'look'>;
  private readonly id: string;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly membership: GroupMembership;
  private readonly rounds: SubtreeCache;
  private readonly parts = new Map<string, Part>();

  constructor(
    zookeeper: ZooKeeper,
    store: StockStore,
    view: StockView,
    @InjectEnv() env: InventoryEnv,
    @InjectClock() clock: Clock,
    @InjectLogger() logger: Logger,
  ) {
    this.zookeeper = zookeeper;
    this.store = store;
    this.view = view;
    this.id = env.INSTANCE_ID;
    this.clock = clock;
    this.logger = logger;
    this.membership = new GroupMembership(zookeeper, znodes.inventoryMembers, this.id, '', { logger });
    this.rounds = new SubtreeCache(zookeeper, znodes.saleRounds, {
      onChange: (rounds) => this.follow(rounds),
      logger,
    });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.rounds.start();
    await this.membership.start();
  }

  /** Out of the barriers first: whoever is still in one must be in the group. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.rounds.stop();
    const parts = [...this.parts.values()];
    for (const { over } of parts) over.abort();
    await Promise.all(parts.map(({ ended }) => ended));
    await this.membership.close();
  }

  /** Takes part in each round that is there, and in none that is gone. */
  private follow(cache: SubtreeCache): void {
    const rounds = cache.children();
    for (const [name, { data }] of rounds) {
      if (this.parts.has(name)) continue;
      const over = new AbortController();
      this.parts.set(name, { over, ended: this.takePart(name, data, over.signal) });
    }
    for (const [name, { over }] of this.parts) {
      if (rounds.has(name)) continue;
      over.abort();
      this.parts.delete(name);
    }
  }

  /** Never rejects. */
  private async takePart(name: string, data: Buffer, over: AbortSignal): Promise<void> {
    const path = joinPath(znodes.saleRounds, name);
    while (!over.aborted) {
      try {
        const { seeds } = inventory.SaleRound.decode(data);
        // The opener alone knows who must be in.
        const barrier = new DoubleBarrier(this.zookeeper, path, this.id, Infinity, { mustExist: true });
        await this.seeAll(seeds, over);
        await barrier.enter({ signal: over });
        this.logger.debug({ round: name }, 'armed');
        return await barrier.leave({ signal: over });
      } catch (error) {
        if (over.aborted || (error instanceof FlashmeshError && error.code === 'BARRIER_GONE')) return;
        this.logger.warn({ round: name, error: messageOf(error) }, 'an opening waits for this instance');
        await sleep(RETRY_MS, over, this.clock).catch(() => undefined);
      }
    }
  }

  private async seeAll(seeds: readonly inventory.Seed[], signal: AbortSignal): Promise<void> {
    for (const seed of seeds) {
      while (!(await this.sees(seed))) await sleep(LOOK_MS, signal, this.clock);
    }
  }

  /** Whether the seed was applied, and this instance's view, which may be a moment old, shows it. */
  private async sees({ sku, restockId, quantity }: inventory.Seed): Promise<boolean> {
    try {
      if (!(await this.store.hasRestock(sku, restockId))) return false;
      return ((await this.view.look(sku))?.balance.initial ?? 0) >= quantity;
    } catch (error) {
      if (error instanceof FlashmeshError && error.kind === 'unavailable') return false;
      throw error;
    }
  }
}
