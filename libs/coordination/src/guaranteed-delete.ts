import { sleep } from '@flashmesh/core';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';

const RETRY_MS = 100;

/**
 * Deletes an ephemeral node of the session `owner`, again and again while it is unknown whether that worked: a node left behind
 * would block everybody who waits for it. Resolves when the node is gone, or when its session is, which takes the node along.
 */
export async function guaranteedDelete(zk: ZooKeeper, path: string, owner: bigint): Promise<void> {
  while (zk.sessionId === owner && zk.state.name !== 'closed') {
    try {
      return await zk.delete(path);
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_NO_NODE', 'ZK_SESSION_EXPIRED', 'ZK_CLOSED')) return;
      if (!isZooKeeperError(error) || error.kind !== 'unavailable') throw error;
      await sleep(RETRY_MS, undefined, zk.clock);
    }
  }
}
