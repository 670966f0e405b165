import { randomUUID } from 'node:crypto';
import { FlashmeshError, requirePositiveInteger, throwIfAborted } from '@flashmesh/core';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { claimNode } from './claim-node.ts';
import { createdOrGivenUp, leaveBehind } from './give-up.ts';
import { hold, type Holding } from './holding.ts';
import type { OwnNode } from './protected-create.ts';

/** A number that no other process has while this one holds it. */
export interface WorkerId extends Holding {
  readonly id: number;
}

/**
 * Claims the smallest free number from 0 to `count` - 1, as the part of generated ids that keeps those of two processes apart. The
 * claim ends with the session (its signal aborts): whoever makes ids with it stops then and claims another.
 *
 * @param owner named in the node, for people who look.
 * @throws FlashmeshError `resource_exhausted` (`NO_WORKER_ID`) when all are taken; ZooKeeperError when they could not be read; the
 *   reason of the signal; RangeError. No number stays taken then.
 */
export async function claimWorkerId(
  zk: ZooKeeper,
  path: string,
  owner: string,
  count: number,
  signal?: AbortSignal,
): Promise<WorkerId> {
  requirePositiveInteger('count', count);
  for (;;) {
    throwIfAborted(signal);
    const node = await claimOne(zk, path, `${owner} ${randomUUID()}`, count, signal);
    let held: Holding | undefined;
    try {
      held = await hold(zk, node, signal);
      if (held) return Object.assign(held, { id: Number(node.name) });
    } catch (error) {
      // The connection broke before it was held: the number is claimed again like any other.
      if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED')) throw error;
    } finally {
      if (!held) await leaveBehind(zk, node, signal);
    }
  }
}

async function claimOne(
  zk: ZooKeeper,
  path: string,
  data: string,
  count: number,
  signal?: AbortSignal,
): Promise<OwnNode> {
  await zk.mkdirp(path, { signal });
  const taken = new Set(await zk.children(path, { signal }));
  for (let id = 0; id < count; id++) {
    const name = String(id);
    if (taken.has(name)) continue;
    const node = await createdOrGivenUp(zk, claimNode(zk, joinPath(path, name), data), signal);
    if (node) return node;
  }
  throw new FlashmeshError('resource_exhausted', 'NO_WORKER_ID', `all ${count} numbers of ${path} are taken`);
}
