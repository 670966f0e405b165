import { inventory, znodes } from '@flashmesh/contracts';
import { FlashmeshError, messageOf, throwIfAborted, type WriteToken } from '@flashmesh/core';
import { DoubleBarrier, type Holding } from '@flashmesh/coordination';
import { InjectLogger } from '@flashmesh/service';
import type { Logger } from '@flashmesh/telemetry';
import { isZooKeeperError, joinPath, ZooKeeper } from '@flashmesh/zookeeper';
import { Injectable } from '@nestjs/common';

/** The opener's name in the barrier; no instance can be called so. */
const OPENER = '@opener';
/** How long the opener waits for the others to leave, in milliseconds: the doors are open, it only tidies up. */
const LEAVE_MS = 1000;
/** Looks at a node that others enter while it is being removed. */
const REMOVALS = 5;

/** One opening's double barrier. */
export interface SaleRound {
  /**
   * Resolves when every live instance of inventory is armed for the sale. One that dies is not waited for any longer; one that
   * joins is.
   */
  enter(signal: AbortSignal): Promise<void>;
  /** Lets the others go, and removes the barrier. Never rejects. */
  end(): Promise<void>;
}

/**
 * Where the opener of a sale meets the instances of inventory before the doors open: a double barrier of its own for each
 * holding of the sale's lock. Whoever holds the lock removes what earlier holders left, and never what later ones made.
 */
@Injectable()
export class SaleRounds {
  private readonly zookeeper: ZooKeeper;
  private readonly logger: Logger;

  constructor(zookeeper: ZooKeeper, @InjectLogger() logger: Logger) {
    this.zookeeper = zookeeper;
    this.logger = logger;
  }

  /** Calls the instances of inventory together. @throws FlashmeshError `aborted` (`NOT_HELD`): nobody was called. */
  async begin(
    lock: Pick<Holding, 'guard'>,
    token: WriteToken,
    saleId: string,
    seeds: readonly inventory.Seed[],
  ): Promise<SaleRound> {
    await this.zookeeper.mkdirp(znodes.saleRounds);
    await this.clear(token, saleId);
    const path = joinPath(znodes.saleRounds, roundOf(saleId, token));
    const data = inventory.SaleRound.encode({ seeds: [...seeds] }).finish();
    await lock.guard([{ op: 'create', path, data }]);
    let entered: DoubleBarrier | undefined;
    return {
      enter: async (signal) => {
        entered = await this.enter(path, signal);
      },
      end: () => this.end(path, entered),
    };
  }

  /** Removes the barriers that earlier holders of the sale's lock left. */
  async clear(token: WriteToken, saleId: string): Promise<void> {
    const names = await this.children(znodes.saleRounds);
    const old = names.filter((name) => name.startsWith(`${saleId}@`) && name < roundOf(saleId, token));
    await Promise.all(old.map((name) => this.remove(joinPath(znodes.saleRounds, name))));
  }

  private async enter(path: string, signal: AbortSignal): Promise<DoubleBarrier> {
    for (;;) {
      throwIfAborted(signal);
      const changed = new AbortController();
      try {
        const members = await this.members(changed, signal);
        // As long as nobody is there to be armed, it is not full.
        const all = members.length > 0 ? [OPENER, ...members] : Infinity;
        const barrier = new DoubleBarrier(this.zookeeper, path, OPENER, all, { mustExist: true });
        await barrier.enter({ signal: AbortSignal.any([signal, changed.signal]) });
        return barrier;
      } catch (error) {
        if (signal.aborted || !changed.signal.aborted) throw error;
      } finally {
        changed.abort();
      }
    }
  }

  /** The live instances; `changed` aborts when they are others, and ends the watch. */
  private async members(changed: AbortController, signal: AbortSignal): Promise<string[]> {
    const path = znodes.inventoryMembers;
    const watch = () => changed.abort();
    // Whoever joined before this is seen.
    await this.zookeeper.sync(path, { signal });
    for (;;) {
      try {
        return await this.zookeeper.children(path, { watch, watchUntil: changed.signal, signal });
      } catch (error) {
        if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
        await this.zookeeper.mkdirp(path, { signal });
      }
    }
  }

  private async end(path: string, entered: DoubleBarrier | undefined): Promise<void> {
    try {
      await entered?.leave({ timeoutMs: LEAVE_MS }).catch((error: unknown) => {
        if (!(error instanceof FlashmeshError && error.code === 'BARRIER_TIMEOUT')) throw error;
        this.logger.warn({ path }, 'an instance of inventory did not leave the barrier');
      });
      await this.remove(path);
    } catch (error) {
      // What led here matters more to the caller; the next holder of the lock removes what is left.
      this.logger.warn({ path, error: messageOf(error) }, 'a barrier was left behind');
    }
  }

  /** Removes a barrier and everybody in it: they see that it is gone, and go. */
  private async remove(path: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      const names = await this.children(path);
      await Promise.all(names.map((name) => this.delete(joinPath(path, name))));
      try {
        return await this.delete(path);
      } catch (error) {
        if (!isZooKeeperError(error, 'ZK_NOT_EMPTY') || tries >= REMOVALS) throw error;
      }
    }
  }

  private children(path: string): Promise<string[]> {
    return this.zookeeper.children(path).catch((error: unknown) => {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      return [];
    });
  }

  private delete(path: string): Promise<void> {
    return this.zookeeper.delete(path).catch((error: unknown) => {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
    });
  }
}

/** Rounds of one sale are in the order of the holdings of its lock. */
function roundOf(saleId: string, { czxid }: WriteToken): string {
  return `${saleId}@${czxid}`;
}
