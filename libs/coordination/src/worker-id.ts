import { FlashmeshError, requirePositiveInteger } from '@flashmesh/core';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { hold, type Holding } from './holding.ts';

/** A number that no other process has while this one holds it. */
export interface WorkerId extends Holding {
  readonly id: number;
}

/**
 * Claims the smallest free number from 0 to `count` - 1, as the part of generated ids that keeps those of two processes apart. The
 * claim ends with the session (its signal aborts): whoever makes ids with it stops then and claims another.
 *
 * @param owner named in the node, for people who look.
 * @throws FlashmeshError `resource_exhausted` (`NO_WORKER_ID`) when all are taken; RangeError.
 */
export async function claimWorkerId(
  zk: ZooKeeper,
  path: string,
  owner: string,
  count: number,
): Promise<WorkerId> {
  requirePositiveInteger('count', count);
  await zk.mkdirp(path);
  const taken = new Set(await zk.children(path));
  for (let id = 0; id < count; id++) {
    const name = String(id);
    if (taken.has(name)) continue;
    const at = joinPath(path, name);
    try {
      const { stat } = await zk.create(at, owner, { mode: 'ephemeral' });
      const held = await hold(zk, { path: at, name, czxid: stat.czxid, owner: stat.ephemeralOwner });
      if (held) return Object.assign(held, { id });
    } catch (error) {
      // After a lost reply the number may be ours: it is left to die with the session, and the next one is tried.
      if (!isZooKeeperError(error, 'ZK_NODE_EXISTS', 'ZK_CONNECTION_LOSS')) throw error;
    }
  }
  throw new FlashmeshError('resource_exhausted', 'NO_WORKER_ID', `all ${count} numbers of ${path} are taken`);
}
