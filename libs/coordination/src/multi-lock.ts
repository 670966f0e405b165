import { systemClock } from '@flashmesh/core';
import { type WaitOptions, withDeadline } from './deadline.ts';
import type { Holding } from './holding.ts';

/** What can be held together: locks, read locks, semaphores. */
export interface Acquirable {
  acquire(o?: WaitOptions): Promise<Holding>;
}

/** Several that are held together. */
export interface MultiHandle {
  readonly holdings: readonly Holding[];
  /** Aborts when one of them is not certain any more. */
  readonly signal: AbortSignal;
  /** Whether all of them are certain at this very moment. */
  isHeld(): boolean;
  /** Releases all, the last one first. */
  release(): Promise<void>;
}

/**
 * All of several locks, or none. They are taken one after the other in the order given: whoever names the same locks in the same order
 * cannot end up waiting for each other.
 */
export class MultiLock {
  private readonly locks: readonly Acquirable[];

  constructor(locks: readonly Acquirable[]) {
    this.locks = locks;
  }

  /** @throws what taking one of them throws; the others were released then. */
  async acquire(o: WaitOptions = {}): Promise<MultiHandle> {
    const holdings: Holding[] = [];
    const release = async () => {
      for (const holding of holdings.splice(0).toReversed()) await holding.release();
    };
    try {
      await withDeadline(systemClock, o, 'LOCK_TIMEOUT', 'not all locks were free', async (signal, wait) => {
        for (const lock of this.locks) {
          holdings.push(await lock.acquire({ signal, timeoutMs: wait ? undefined : 0 }));
        }
        return true;
      });
    } catch (error) {
      await release();
      throw error;
    }
    const held = [...holdings];
    return {
      holdings: held,
      signal: AbortSignal.any(held.map(({ signal }) => signal)),
      isHeld: () => held.every((holding) => holding.isHeld()),
      release,
    };
  }
}
