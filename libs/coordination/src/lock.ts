import { joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { type WaitOptions, withDeadline } from './deadline.ts';
import type { Holding } from './holding.ts';
import { inSequence } from './sequence.ts';
import { awaitTurn, type Line } from './turn.ts';

export interface AcquireOptions extends WaitOptions {
  /**
   * Called once when somebody asks for the lock back ({@link Lock.revoke}), never before `acquire` has resolved; whether to release it
   * is the holder's to decide.
   */
  readonly onRevoke?: () => void;
}

/** A lock that is held. */
export interface LockHandle extends Holding {
  /** Another handle of the same lock, at once: the lock is free when all of its handles were released. */
  reenter(): LockHandle;
  /** How many handles of the lock were not released yet. */
  readonly entries: number;
}

/** Curator's marker of a lock that is asked back. */
const REVOKE = '__REVOKE__';

/** A fair lock among all clients that name the same path (the recipe of ZooKeeper's guide, in Curator's layout). */
export class Lock {
  private readonly zk: ZooKeeper;
  private readonly path: string;

  constructor(zk: ZooKeeper, path: string) {
    this.zk = zk;
    this.path = path;
  }

  /**
   * Waits for the lock, in order of arrival. Reentrant by handle ({@link LockHandle.reenter}), not by chance: a second `acquire`
   * of the same process waits for the first.
   *
   * @throws FlashmeshError `deadline_exceeded` (`LOCK_TIMEOUT`), or the reason of the signal: no node stays behind then.
   */
  acquire(o: AcquireOptions = {}): Promise<LockHandle> {
    return acquireIn(this.zk, { path: this.path, prefix: 'lock-', data: '' }, o);
  }

  /** Nodes of the holder and of those who wait, in order. */
  async participants(): Promise<string[]> {
    return participantsOf(this.zk, this.path);
  }

  /** Asks the holder, if there is one, to give the lock back: its `onRevoke` is called. It may refuse. */
  async revoke(): Promise<void> {
    const [holder] = await this.participants();
    if (holder !== undefined) await this.zk.set(joinPath(this.path, holder), REVOKE);
  }
}

/** @internal The names in a line, in order; none when there is no line. */
export async function participantsOf(zk: ZooKeeper, path: string): Promise<string[]> {
  if (!(await zk.exists(path))) return [];
  return inSequence(await zk.children(path));
}

/** @internal */
export async function acquireIn(zk: ZooKeeper, line: Line, o: AcquireOptions): Promise<LockHandle> {
  const what = `${line.path} was not free`;
  const revoke = o.onRevoke && new RevokeWatch(zk, o.onRevoke);
  const held = await withDeadline(zk.clock, o, 'LOCK_TIMEOUT', what, (signal, wait) =>
    awaitTurn(zk, { ...line, wait, prepare: revoke?.arm }, signal),
  );
  revoke?.begin();
  return sharedHandle(held);
}

/** @internal A handle for each entry; the last one to be released releases the lock. */
export function sharedHandle(held: Holding): LockHandle {
  let entries = 0;
  const enter = (): LockHandle => {
    entries++;
    let released: Promise<void> | undefined;
    return {
      ...held,
      reenter: enter,
      get entries() {
        return entries;
      },
      release() {
        released ??= --entries === 0 ? held.release() : Promise.resolve();
        return released;
      },
    };
  };
  return enter();
}

/** Looks whether the lock is asked back, from when it is held. */
class RevokeWatch {
  private readonly zk: ZooKeeper;
  private readonly onRevoke: () => void;
  private readonly handedOver = Promise.withResolvers<void>();

  constructor(zk: ZooKeeper, onRevoke: () => void) {
    this.zk = zk;
    this.onRevoke = onRevoke;
  }

  /** Resolves when nothing that is asked from then on is missed, nor what was asked before. The watch ends with the holding. */
  readonly arm = async ({ path, signal: ended }: Holding, signal?: AbortSignal): Promise<void> => {
    let told = false;
    const look = async (until?: AbortSignal) => {
      const { data } = await this.zk.get(path, { signal: until });
      if (told || data.toString() !== REVOKE) return;
      told = true;
      void this.handedOver.promise.then(() => this.tell(ended));
    };
    await this.zk.watch(
      path,
      ({ type }) => {
        // It fails when the connection does, and the holding has ended then; a node that is gone ends it, too.
        if (type === 'changed' || type === 'rearmed') look(ended).catch(() => undefined);
      },
      { until: ended, signal },
    );
    await look(signal);
  };

  /** The lock is its caller's now. */
  begin(): void {
    this.handedOver.resolve();
  }

  /** After what the caller does with the handle at once. What the callback throws is uncaught: nobody waits for it. */
  private tell(ended: AbortSignal): void {
    this.zk.clock.after(0, () => {
      if (!ended.aborted) this.onRevoke();
    });
  }
}
