import { randomUUID } from 'node:crypto';
import { FlashmeshError } from '@flashmesh/core';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { guaranteedDelete } from './guaranteed-delete.ts';
import { hold } from './holding.ts';
import { acquireIn, type AcquireOptions, type LockHandle, participantsOf, sharedHandle } from './lock.ts';

const READ = '__READ__';
const WRITE = '__WRIT__';
/** Curator's readers, as ours are, and kazoo's. Who is called otherwise is taken for a writer: to wait for one too many is safe. */
const READER = /__(?:READ|rlock)__-?\d{10}$/;

/** A lock for writing, which can become one for reading without anybody else getting in between. */
export interface WriteHandle extends LockHandle {
  /**
   * Turns it into a read lock, ahead of all who wait, in one transaction. This handle is released by it. The way back does not exist:
   * two readers that both wanted it would wait for each other.
   *
   * @throws FlashmeshError `aborted` (`NOT_HELD`); `failed_precondition` (`LOCK_REENTERED`) while it has other handles.
   */
  downgrade(): Promise<LockHandle>;
}

/** Many readers or one writer, in order of arrival, in Curator's layout. */
export class ReadWriteLock {
  private readonly zk: ZooKeeper;
  private readonly path: string;

  constructor(zk: ZooKeeper, path: string) {
    this.zk = zk;
    this.path = path;
  }

  /** Waits until no writer is before it. @throws as {@link Lock.acquire}. */
  read(o: AcquireOptions = {}): Promise<LockHandle> {
    return acquireIn(this.zk, { path: this.path, prefix: READ, data: '', behind: lastWriterBefore }, o);
  }

  /** Waits until nobody is before it. @throws as {@link Lock.acquire}. */
  async write(o: AcquireOptions = {}): Promise<WriteHandle> {
    const handle = await acquireIn(this.zk, { path: this.path, prefix: WRITE, data: '' }, o);
    return Object.assign(handle, { downgrade: () => this.downgrade(handle) });
  }

  /** Nodes of the holders and of those who wait, in order. */
  participants(): Promise<string[]> {
    return participantsOf(this.zk, this.path);
  }

  private async downgrade(writing: LockHandle): Promise<LockHandle> {
    if (writing.entries > 1) {
      throw new FlashmeshError(
        'failed_precondition',
        'LOCK_REENTERED',
        'other handles still need the write lock',
      );
    }
    // The number is the writer's, which leaves in the same moment: so the place in line stays.
    const number = writing.path.slice(writing.path.lastIndexOf(WRITE) + WRITE.length);
    const name = `_c_${randomUUID()}-${READ}${number}`;
    const path = joinPath(this.path, name);
    const session = this.zk.sessionId;
    try {
      const [made] = await writing.guard([
        { op: 'create', path, mode: 'ephemeral' },
        { op: 'delete', path: writing.path },
      ]);
      await writing.release();
      const { czxid, ephemeralOwner: owner } = made.stat;
      const held = await hold(this.zk, { path, name, czxid, owner });
      if (held) return sharedHandle(held);
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED')) throw error;
    }
    // Which of the two nodes is there may be unknown; left behind, it would keep all writers out while the session lives.
    await Promise.all([guaranteedDelete(this.zk, path, session), writing.release()]);
    throw new FlashmeshError('aborted', 'NOT_HELD', `${path} is not held any more`);
  }
}

function lastWriterBefore(names: readonly string[], own: string): string | undefined {
  return names.slice(0, names.indexOf(own)).findLast((name) => !READER.test(name));
}
