import {
  isZooKeeperError,
  nameOf,
  type Stat,
  TransactionRefused,
  type ZooKeeper,
} from '@flashmesh/zookeeper';
import type { OwnNode } from './protected-create.ts';

/**
 * @internal Creates an ephemeral node of that very name exactly once, although a lost connection leaves unknown whether it was created:
 * it is found again by its data.
 *
 * @param data with a GUID that no other claim has.
 * @param beside a node that must be there.
 * @returns `undefined` when somebody else has it, or a node is missing that must be there.
 * @throws ZooKeeperError for what repeating cannot cure.
 */
export async function claimNode(
  zk: ZooKeeper,
  path: string,
  data: string,
  beside?: string,
): Promise<OwnNode | undefined> {
  const own = ({ czxid, ephemeralOwner: owner }: Stat) => ({ path, name: nameOf(path), czxid, owner });
  const given = beside === undefined ? [] : [{ op: 'check', path: beside } as const];
  for (let uncertain = false; ;) {
    try {
      if (uncertain) {
        // The server may be another one, which is behind what was committed through the first.
        await zk.sync(path);
        const found = await zk.get(path).catch(unlessAbsent);
        if (found?.data.toString() === data && found.stat.ephemeralOwner === zk.sessionId) {
          return own(found.stat);
        }
      }
      const [made] = await zk.transaction([{ op: 'create', path, data, mode: 'ephemeral' }, ...given]);
      return own(made.stat);
    } catch (error) {
      if (error instanceof TransactionRefused && ['ZK_NO_NODE', 'ZK_NODE_EXISTS'].includes(error.code)) {
        return undefined;
      }
      if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED')) throw error;
      uncertain = true;
      await zk.writable();
    }
  }
}

function unlessAbsent(error: unknown): undefined {
  if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
}
