import { isZooKeeperError, type Operation, type ZooKeeper, type ZooKeeperError } from '@flashmesh/zookeeper';
import { guaranteedDelete } from './guaranteed-delete.ts';

/**
 * @internal Does a transaction exactly once, although a lost connection leaves unknown whether it was done: an ephemeral marker that is
 * made with it says so, whatever became of the rest.
 *
 * @param marker a node that nobody else makes; the last operation of the transaction.
 * @throws TransactionRefused: nothing was done. ZooKeeperError `ZK_CONNECTION_LOSS` when the session was lost, too, and the marker with
 *   it, or `ZK_SESSION_EXPIRED`: nobody knows.
 */
export async function transactOnce(
  zk: ZooKeeper,
  marker: string,
  operations: readonly Operation[],
): Promise<void> {
  const session = zk.sessionId;
  for (;;) {
    try {
      await zk.transaction([...operations, { op: 'create', path: marker, mode: 'ephemeral' }]);
      break;
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS')) throw error;
      if (await wasDone(zk, marker, session, error)) break;
    }
  }
  // Nobody waits for it: at the latest it goes with its session, and only a missing permission can make it fail.
  guaranteedDelete(zk, marker, session).catch(() => undefined);
}

/** @throws `lost` when the session is over. */
async function wasDone(
  zk: ZooKeeper,
  marker: string,
  session: bigint,
  lost: ZooKeeperError,
): Promise<boolean> {
  const over = new AbortController();
  const stop = zk.onState(() => {
    if (zk.sessionId !== session) over.abort();
  });
  try {
    while (zk.sessionId === session) {
      try {
        await zk.writable(over.signal);
        // The server may be another one, which is behind what was committed through the first.
        await zk.sync(marker);
        const stat = await zk.exists(marker);
        if (zk.sessionId === session) return stat !== undefined;
      } catch (error) {
        const again = isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED');
        if (!over.signal.aborted && !again) throw error;
      }
    }
    throw lost;
  } finally {
    stop();
  }
}
