import { FlashmeshError, requirePositiveInteger, sleep, type Clock } from '@flashmesh/core';
import {
  isZooKeeperError,
  joinPath,
  nameOf,
  type Operation,
  TransactionRefused,
  type ZooKeeper,
} from '@flashmesh/zookeeper';
import type { Logger } from '@flashmesh/telemetry';
import { guaranteedDelete } from './guaranteed-delete.ts';
import { untilChildren } from './wait-for.ts';

export interface QueueOptions {
  /** Items that may wait; the next one is refused. All of them are in every server's memory. @default 1000 */
  readonly maxItems?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

const ERROR_PAUSE_MS = 500;

/** Names of items and of claims, at one look. */
interface Seen {
  readonly items: string[];
  readonly claims: string[];
}

/** Works an item off. When it throws, the item is worked on again, here or elsewhere, so it may see one twice. */
export type Work = (data: Buffer, signal: AbortSignal) => Promise<void>;

/**
 * @internal Items as children of a node in the order of their names. A consumer claims the first free one by an ephemeral node, works, and
 * then deletes both in one transaction: an item whose consumer died is worked on again, one that was worked off is not.
 */
export abstract class ItemQueue {
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private readonly claims: string;
  private readonly maxItems: number;
  private readonly logger: Logger | undefined;
  private readonly clock: Clock;

  constructor(zk: ZooKeeper, path: string, o: QueueOptions = {}) {
    this.zk = zk;
    this.path = joinPath(path, 'items');
    this.claims = joinPath(path, 'claims');
    this.maxItems = requirePositiveInteger('maxItems', o.maxItems ?? 1000);
    this.logger = o.logger;
    this.clock = o.clock ?? zk.clock;
  }

  /** Items that wait or are worked on. */
  async size(): Promise<number> {
    return (await this.zk.exists(this.path))?.numChildren ?? 0;
  }

  /** When an item may be taken at the earliest, in milliseconds since the epoch. */
  protected dueAt(_name: string): number {
    return 0;
  }

  /**
   * @param also done with it in one transaction.
   * @throws FlashmeshError `resource_exhausted` (`QUEUE_FULL`); TransactionRefused when `also` cannot be done: nothing was added.
   */
  protected async add(
    prefix: string,
    data: Uint8Array | string,
    also: readonly Operation[] = [],
  ): Promise<string> {
    const item = joinPath(this.path, prefix);
    for (;;) {
      await this.zk.mkdirp(this.path);
      if ((await this.size()) >= this.maxItems) {
        throw new FlashmeshError(
          'resource_exhausted',
          'QUEUE_FULL',
          `${this.path} holds ${this.maxItems} items`,
        );
      }
      try {
        const [{ path }] = await this.zk.transaction([
          { op: 'create', path: item, data, mode: 'persistent-sequential' },
          ...also,
        ]);
        return nameOf(path);
      } catch (error) {
        // The queue itself, a container, may be reaped in between.
        const reaped = error instanceof TransactionRefused && error.index === 0 && error.code === 'ZK_NO_NODE';
        if (!reaped) throw error;
      }
    }
  }

  /** Works items off, one at a time, until the signal aborts. */
  async consume(work: Work, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.zk.connected(signal);
        await Promise.all([this.zk.mkdirp(this.path), this.zk.mkdirp(this.claims)]);
        const seen = await this.look();
        if (!(await this.workOne(seen, work, signal))) await this.awaitWork(seen, signal);
      } catch (error) {
        if (signal.aborted || isZooKeeperError(error, 'ZK_CLOSED')) return;
        this.logger?.warn({ err: error, queue: this.path }, 'an item was not worked off');
        await sleep(ERROR_PAUSE_MS, signal, this.clock).catch(() => undefined);
      }
    }
  }

  /** Whether there was one to work on. */
  private async workOne(seen: Seen, work: Work, signal: AbortSignal): Promise<boolean> {
    for (const name of this.due(seen)) {
      const claim = joinPath(this.claims, name);
      const item = joinPath(this.path, name);
      if (!(await this.claim(item, claim))) {
        // Somebody was faster: when that claim goes, the item may be free again.
        seen.claims.push(name);
        continue;
      }
      const owner = this.zk.sessionId;
      try {
        const { data } = await this.zk.get(item);
        await work(data, signal);
        // Its claim went with its session: whoever has the item now works it off.
        if (this.zk.sessionId !== owner) {
          throw new FlashmeshError(
            'aborted',
            'CLAIM_LOST',
            `${item} was worked on for longer than its claim held`,
          );
        }
        await this.zk.transaction([
          { op: 'delete', path: claim },
          { op: 'delete', path: item },
        ]);
      } catch (error) {
        await this.unclaim(claim, owner);
        throw error;
      }
      return true;
    }
    return false;
  }

  /** Claims the item if it is still there and nobody has it. */
  private async claim(item: string, claim: string): Promise<boolean> {
    const owner = this.zk.sessionId;
    try {
      await this.zk.transaction([
        { op: 'check', path: item },
        { op: 'create', path: claim, mode: 'ephemeral' },
      ]);
      return true;
    } catch (error) {
      if (error instanceof TransactionRefused && ['ZK_NO_NODE', 'ZK_NODE_EXISTS'].includes(error.code))
        return false;
      // It may have been made all the same.
      await this.unclaim(claim, owner);
      throw error;
    }
  }

  /**
   * Gives a claim of the session `owner` back, if there is one, and does not rest before: one that nobody knows of would keep the item
   * from everybody for as long as the session lives. Another session's claim is not ours to take away.
   */
  private async unclaim(claim: string, owner: bigint): Promise<void> {
    while (this.zk.sessionId === owner && this.zk.state.name !== 'closed') {
      try {
        // This server may not have it yet.
        await this.zk.sync(claim);
        const stat = await this.zk.exists(claim);
        if (stat?.ephemeralOwner === owner) await guaranteedDelete(this.zk, claim, owner);
        return;
      } catch (error) {
        if (!isZooKeeperError(error) || error.kind !== 'unavailable') throw error;
        await sleep(ERROR_PAUSE_MS, undefined, this.clock);
      }
    }
  }

  private async look(): Promise<Seen> {
    const [items, claims] = await Promise.all([this.zk.children(this.path), this.zk.children(this.claims)]);
    return { items, claims };
  }

  private due({ items, claims }: Seen): string[] {
    const claimed = new Set(claims);
    const now = this.clock.now();
    return items.filter((name) => !claimed.has(name) && this.dueAt(name) <= now).sort();
  }

  /** Until an item comes or a claim goes that was seen, or the next item is due: what changed since the look counts, too. */
  private async awaitWork({ items, claims: claimed }: Seen, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const before = new Set(items);
    const next = Math.min(
      ...[...before].map((name) => this.dueAt(name)).filter((at) => at > this.clock.now()),
    );
    const waits = [
      untilChildren(this.zk, this.path, (names) => names.some((name) => !before.has(name)), either),
      untilChildren(this.zk, this.claims, (names) => claimed.some((name) => !names.includes(name)), either),
      ...(Number.isFinite(next) ? [sleep(Math.max(next - this.clock.now(), 1), either, this.clock)] : []),
    ];
    try {
      await Promise.race(waits);
    } finally {
      over.abort();
      await Promise.allSettled(waits);
    }
  }
}
