import { randomUUID } from 'node:crypto';
import { Semaphore } from '@flashmesh/coordination';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { pause } from '../../support/eventually.ts';

/** Leases of the semaphore. */
export const PERMITS = 2;

/** A token as JSON carries it. */
export interface PlainToken {
  readonly ensemble: string;
  readonly czxid: string;
}

/** What a process that uses the recipes has seen, at its end. */
export interface Summary {
  readonly thing: 'summary';
  /** Additions to the counter that were answered, and those of which nobody knows. */
  readonly added: number;
  readonly unknown: number;
  /** How often its connection and how often its session went. */
  readonly interruptions: number;
  readonly sessionsLost: number;
  /** Where its copy of the tree went back. */
  readonly wrong: readonly string[];
  /** Its copy of the tree: path and transaction. */
  readonly tree: Readonly<Record<string, string>>;
}

/** A line that it tells. */
export type Told =
  | { readonly thing: 'lock' | 'rwlock'; readonly kind: 'read' | 'write'; readonly token: PlainToken }
  | { readonly thing: 'queue'; readonly item: string }
  | Summary;

/** Where those who have a lease put a node of the same session, under its guard: never more than there are permits. */
export function marksPath(path: string): string {
  return joinPath(path, 'marks');
}

/** Takes a lease of `<path>/semaphore`, marks it for all to see, and gives both back after `use`. */
export async function markedLease(
  zk: ZooKeeper,
  path: string,
  signal: AbortSignal,
  use: () => Promise<void>,
): Promise<void> {
  const lease = await new Semaphore(zk, joinPath(path, 'semaphore'), PERMITS).acquire({ signal });
  const mark = joinPath(marksPath(path), randomUUID());
  try {
    await lease.guard([{ op: 'create', path: mark, mode: 'ephemeral' }]);
    await use();
  } finally {
    // A lease that is not certain any more may still be one: the mark goes before it all the same.
    await remove(zk, mark);
    await lease.release();
  }
}

async function remove(zk: ZooKeeper, path: string): Promise<void> {
  for (;;) {
    try {
      return await zk.delete(path);
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_NO_NODE')) return;
      if (!isZooKeeperError(error) || error.kind !== 'unavailable') throw error;
      await pause(50);
    }
  }
}
