import { sleep } from '@flashmesh/core';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';

const RETRY_MS = 100;

/**
 * Deletes an ephemeral node of the session `owner`, again and again while it is unknown whether that worked: a node left behind
 * would block everybody who waits for it. Resolves when the node is gone, or when its session is, which takes the node along.
 *
 * @param czxid of the node, where its name is used again: what somebody made there meanwhile is left alone, in the same session, too.
 */
export async function guaranteedDelete(
  zk: ZooKeeper,
  path: string,
  owner: bigint,
  czxid?: bigint,
): Promise<void> {
  const isThere = () => zk.sessionId === owner && zk.state.name !== 'closed';
  for (let uncertain = false; isThere();) {
    try {
      if (uncertain) {
        // The server may be another one, which is behind what was committed through the first.
        await zk.sync(path);
        const stat = await zk.exists(path);
        if (stat?.ephemeralOwner !== owner || stat.czxid !== (czxid ?? stat.czxid)) return;
      }
      return await zk.delete(path);
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_NO_NODE', 'ZK_SESSION_EXPIRED', 'ZK_CLOSED')) return;
      if (!isZooKeeperError(error) || error.kind !== 'unavailable') throw error;
      uncertain = true;
      if (isThere()) await sleep(RETRY_MS, undefined, zk.clock);
    }
  }
}

/**
 * @internal Waits for a clean-up such as {@link guaranteedDelete}. Who has given up, or does so meanwhile, does not wait for a server that
 * may be out of reach, or takes no writes: it goes on by itself then.
 */
export async function whileInReach(
  zk: ZooKeeper,
  cleaning: Promise<unknown>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const left = Promise.withResolvers<void>();
  const look = () => {
    const { state } = zk;
    const inReach = state.name === 'connected' && !state.readOnly;
    if (signal?.aborted && !inReach) left.resolve();
  };
  const stop = zk.onState(look);
  signal?.addEventListener('abort', look, { once: true });
  look();
  try {
    await Promise.race([cleaning, left.promise]);
  } finally {
    stop();
    signal?.removeEventListener('abort', look);
  }
}
