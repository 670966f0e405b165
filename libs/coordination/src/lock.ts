import { FlashmeshError, systemClock } from '@flashmesh/core';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { awaitTurn } from './turn.ts';

/** A lock that is held. */
export interface LockHandle {
  /**
   * The fencing token: higher for every later holder. Mutual exclusion without it is a hope (a paused process does not know that
   * its session is over): hand it to the store that the lock protects, which refuses a token lower than one it has seen.
   */
  readonly token: bigint;
  /** Aborts at once when the lock is not certain any more: session suspended or lost, node removed, or released. */
  readonly signal: AbortSignal;
  /** Lets the next one in. Resolves when the node is gone, or its session. */
  release(): Promise<void>;
}

export interface AcquireOptions {
  readonly signal?: AbortSignal;
  /** @default waits for ever */
  readonly timeoutMs?: number;
}

/** A fair lock among all clients that name the same path (the recipe of ZooKeeper's guide, in Curator's layout). */
export class Lock {
  private readonly zk: ZooKeeper;
  private readonly path: string;

  constructor(zk: ZooKeeper, path: string) {
    this.zk = zk;
    this.path = path;
  }

  /**
   * Waits for the lock, in order of arrival. Not reentrant.
   *
   * @throws FlashmeshError `deadline_exceeded` (`LOCK_TIMEOUT`), or the reason of the signal: no node stays behind then.
   */
  async acquire(o: AcquireOptions = {}): Promise<LockHandle> {
    const late = new AbortController();
    const { timeoutMs } = o;
    const timer =
      timeoutMs === undefined
        ? undefined
        : systemClock.after(timeoutMs, () =>
            late.abort(
              new FlashmeshError(
                'deadline_exceeded',
                'LOCK_TIMEOUT',
                `${this.path} was not free within ${timeoutMs} ms`,
              ),
            ),
          );
    const signal = o.signal ? AbortSignal.any([o.signal, late.signal]) : late.signal;
    try {
      const turn = await awaitTurn(this.zk, { path: this.path, prefix: 'lock-', data: '' }, signal);
      return { token: turn.token, signal: turn.signal, release: () => turn.leave() };
    } finally {
      timer?.cancel();
    }
  }
}
