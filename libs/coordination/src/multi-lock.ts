import { FlashmeshError, systemClock } from '@flashmesh/core';
import {
  type CallOptions,
  type Operation,
  type ResultOf,
  TransactionRefused,
  type ZooKeeperError,
} from '@flashmesh/zookeeper';
import { type WaitOptions, withDeadline } from './deadline.ts';
import type { FencingToken } from './fencing-token.ts';
import type { Holding } from './holding.ts';

/** What can be held together: locks, read locks, semaphores. */
export interface Acquirable {
  acquire(o?: WaitOptions): Promise<Holding>;
}

/** Several that are held together. */
export interface MultiHandle {
  readonly holdings: readonly Holding[];
  /** One for each, in the order of the locks: a store gets the one of the lock that protects it. */
  readonly tokens: readonly FencingToken[];
  /** Aborts when one of them is not certain any more. */
  readonly signal: AbortSignal;
  /** Whether all of them are certain at this very moment. */
  isHeld(): boolean;
  /**
   * Does the writes if, and only if, all of them are still held when the ensemble applies them. They must be of one client.
   *
   * @throws as {@link Holding.guard}.
   */
  guard<const T extends readonly Operation[]>(
    operations: T,
    o?: CallOptions,
  ): Promise<{ -readonly [K in keyof T]: ResultOf<T[K]> }>;
  /** Releases all, the last one first. */
  release(): Promise<void>;
}

/**
 * All of several locks, or none. They are taken one after the other in the order given: whoever names the same locks in the same order
 * cannot end up waiting for each other.
 */
export class MultiLock {
  private readonly locks: readonly Acquirable[];

  /** @throws RangeError when there are none. */
  constructor(locks: readonly Acquirable[]) {
    if (locks.length === 0) throw new RangeError('locks must not be empty');
    this.locks = locks;
  }

  /**
   * Waits for all. When one was lost while another was waited for, all are taken anew.
   *
   * @throws what taking one of them throws; the others were released then. FlashmeshError `deadline_exceeded` (`LOCK_TIMEOUT`).
   */
  acquire(o: WaitOptions = {}): Promise<MultiHandle> {
    const what = 'not all locks were free';
    return withDeadline(systemClock, o, 'LOCK_TIMEOUT', what, async (signal, wait) => {
      for (;;) {
        const held = await this.takeEach({ signal, timeoutMs: wait ? undefined : 0 });
        const handle = handleOf(held);
        if (handle.isHeld()) return handle;
        await giveBack(held);
        if (!wait) return undefined;
      }
    });
  }

  private async takeEach(o: WaitOptions): Promise<Holding[]> {
    const held: Holding[] = [];
    try {
      for (const lock of this.locks) held.push(await lock.acquire(o));
      return held;
    } catch (error) {
      await giveBack(held);
      throw error;
    }
  }
}

/** Releases all, the last one first. What is not certain any more may be out of reach: it goes by itself, and nobody waits for that. */
async function giveBack(held: readonly Holding[]): Promise<void> {
  for (const holding of held.toReversed()) {
    const uncertain = holding.signal.aborted;
    const gone = holding.release();
    if (!uncertain) await gone;
    // Only a missing permission keeps a node from being removed in the end.
    else gone.catch(() => undefined);
  }
}

function handleOf(holdings: readonly Holding[]): MultiHandle {
  const [first, ...others] = holdings as [Holding, ...Holding[]];
  const isHeld = () => holdings.every((holding) => holding.isHeld());
  return {
    holdings,
    tokens: holdings.map(({ token }) => token),
    signal: AbortSignal.any(holdings.map(({ signal }) => signal)),
    isHeld,
    async guard(operations, o) {
      if (!isHeld()) throw notHeld();
      const checks = others.map(({ path }) => ({ op: 'check', path }) as const);
      try {
        const results = await first.guard([...checks, ...operations], o);
        return results.slice(checks.length) as never;
      } catch (error) {
        if (!(error instanceof TransactionRefused)) throw error;
        const index = error.index - checks.length;
        if (index < 0) throw notHeld(error);
        throw new TransactionRefused(error.cause as ZooKeeperError, index, error.path ?? first.path);
      }
    },
    async release() {
      for (const holding of holdings.toReversed()) await holding.release();
    },
  };
}

function notHeld(cause?: unknown): FlashmeshError {
  return new FlashmeshError('aborted', 'NOT_HELD', 'not all locks are held any more', { cause });
}
