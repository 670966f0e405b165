import { randomUUID } from 'node:crypto';
import { FlashmeshError, requirePositiveInteger, sleep, type Clock } from '@flashmesh/core';
import {
  isZooKeeperError,
  joinPath,
  type Operation,
  TransactionRefused,
  type ZooKeeper,
} from '@flashmesh/zookeeper';
import type { Logger } from '@flashmesh/telemetry';
import { claimNode } from './claim-node.ts';
import { guaranteedDelete } from './guaranteed-delete.ts';
import { hold, type Holding } from './holding.ts';
import type { OwnNode } from './protected-create.ts';
import { transactOnce } from './transact-once.ts';
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
  /** When that was: what is due is judged by one moment, so that nothing becomes due between two. */
  readonly at: number;
}

/** What an item is worked on by virtue of. It ends when the work does, so it is not released by hand. */
export type Claim = Omit<Holding, 'release'>;

/**
 * Works an item off. When it throws, the item is worked on again, here or elsewhere, so it may see one twice.
 *
 * @param signal aborts when the consumer stops, or the claim is not certain any more: another may have the item then. Stop working.
 * @param claim its token and `guard` keep what was overtaken from being written.
 */
export type Work = (data: Buffer, signal: AbortSignal, claim: Claim) => Promise<void>;

/**
 * @internal Items as children of a node in the order of their names. A consumer claims the first free one by an ephemeral node, works, and
 * then deletes both in one transaction: an item whose consumer died is worked on again, one that was worked off is not.
 */
export abstract class ItemQueue {
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private readonly claims: string;
  private readonly puts: string;
  private readonly maxItems: number;
  private readonly logger: Logger | undefined;
  private readonly clock: Clock;

  constructor(zk: ZooKeeper, path: string, o: QueueOptions = {}) {
    this.zk = zk;
    this.path = joinPath(path, 'items');
    this.claims = joinPath(path, 'claims');
    this.puts = joinPath(path, 'puts');
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
   * Adds an item, exactly once although a reply may be lost.
   *
   * @param also done with it in one transaction.
   * @throws FlashmeshError `resource_exhausted` (`QUEUE_FULL`); TransactionRefused when `also` cannot be done: nothing was added.
   *   ZooKeeperError when its session was lost over it: nobody knows.
   */
  protected async add(
    prefix: string,
    data: Uint8Array | string,
    also: readonly Operation[] = [],
  ): Promise<void> {
    const path = joinPath(this.path, prefix);
    const put = [{ op: 'create', path, data, mode: 'persistent-sequential' } as const, ...also];
    for (;;) {
      await this.makeRoom();
      try {
        return await transactOnce(this.zk, joinPath(this.puts, randomUUID()), put);
      } catch (error) {
        // The queue itself, a container, may be reaped in between.
        const reaped =
          error instanceof TransactionRefused &&
          [0, put.length].includes(error.index) &&
          error.code === 'ZK_NO_NODE';
        if (!reaped) throw error;
      }
    }
  }

  /** @throws FlashmeshError `resource_exhausted` (`QUEUE_FULL`). */
  private async makeRoom(): Promise<void> {
    await Promise.all([this.zk.mkdirp(this.path), this.zk.mkdirp(this.puts)]);
    if ((await this.size()) < this.maxItems) return;
    throw new FlashmeshError('resource_exhausted', 'QUEUE_FULL', `${this.path} holds ${this.maxItems} items`);
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
      const item = joinPath(this.path, name);
      const claim = await claimNode(this.zk, joinPath(this.claims, name), randomUUID(), item);
      if (!claim) {
        // Somebody was faster: when that claim goes, the item may be free again.
        seen.claims.push(name);
        continue;
      }
      try {
        await this.workOff(item, claim, work, signal);
      } catch (error) {
        // Left behind, it would keep the item from everybody for as long as this session lives.
        await guaranteedDelete(this.zk, claim.path, claim.owner, claim.czxid);
        throw error;
      }
      return true;
    }
    return false;
  }

  private async workOff(item: string, claim: OwnNode, work: Work, signal: AbortSignal): Promise<void> {
    const [{ data }, held] = await Promise.all([this.zk.get(item), hold(this.zk, claim)]);
    if (!held) throw claimLost(item);
    await work(data, AbortSignal.any([signal, held.signal]), held);
    // Its claim went with its session: whoever has the item now works it off. A connection that came back has kept it.
    if (this.zk.sessionId !== claim.owner) throw claimLost(item);
    await this.zk.transaction([
      { op: 'delete', path: claim.path },
      { op: 'delete', path: item },
    ]);
  }

  private async look(): Promise<Seen> {
    const at = this.clock.now();
    const [items, claims] = await Promise.all([this.zk.children(this.path), this.zk.children(this.claims)]);
    return { items, claims, at };
  }

  private due({ items, claims, at }: Seen): string[] {
    const claimed = new Set(claims);
    return items.filter((name) => !claimed.has(name) && this.dueAt(name) <= at).sort();
  }

  /** Until an item comes or a claim goes that was seen, or the next item is due: what changed since the look counts, too. */
  private async awaitWork({ items, claims: claimed, at }: Seen, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const before = new Set(items);
    const next = Math.min(...items.map((name) => this.dueAt(name)).filter((due) => due > at));
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

function claimLost(item: string): FlashmeshError {
  return new FlashmeshError('aborted', 'CLAIM_LOST', `${item} was worked on for longer than its claim held`);
}
