import { randomUUID } from 'node:crypto';
import { isZooKeeperError, joinPath, nameOf, type ZooKeeper } from '@flashmesh/zookeeper';
import { guaranteedDelete } from './guaranteed-delete.ts';

/** A node that this client created and whose session still was the current one. */
export interface OwnNode {
  readonly path: string;
  /** Name within its parent. */
  readonly name: string;
  /** The transaction that created it: the fencing token. */
  readonly czxid: bigint;
  /** The session that it lives and dies with. */
  readonly owner: bigint;
}

/**
 * Creates an ephemeral sequential node exactly once, although a lost connection leaves unknown whether it was created: its name
 * starts with a GUID (`_c_<guid>-<prefix><sequence>`, Curator's layout) by which it is found again. A node that turns out to
 * belong to an earlier session is deleted and made anew. The parent is created when it is missing.
 *
 * @throws ZooKeeperError for what repeating cannot cure.
 */
export async function protectedCreate(
  zk: ZooKeeper,
  parent: string,
  prefix: string,
  data: string,
): Promise<OwnNode> {
  const guid = `_c_${randomUUID()}-`;
  let uncertain = false;
  for (;;) {
    try {
      if (uncertain) {
        const found = await find(zk, parent, guid);
        if (found) return found;
      }
      const { path, stat } = await zk.create(joinPath(parent, guid + prefix), data, {
        mode: 'ephemeral-sequential',
      });
      return { path, name: nameOf(path), czxid: stat.czxid, owner: stat.ephemeralOwner };
    } catch (error) {
      // Its parent may be a container that was reaped a moment ago.
      if (isZooKeeperError(error, 'ZK_NO_NODE')) await mkdirp(zk, parent);
      else if (isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED')) {
        uncertain = true;
        // What a read-only server shows may be from before the node was made.
        await zk.writable();
      } else throw error;
    }
  }
}

async function find(zk: ZooKeeper, parent: string, guid: string): Promise<OwnNode | undefined> {
  // The server may be another one, which is behind what was committed through the first.
  await zk.sync(parent);
  const name = (await zk.children(parent)).find((child) => child.startsWith(guid));
  if (name === undefined) return undefined;
  const path = joinPath(parent, name);
  const stat = await zk.exists(path);
  if (!stat) return undefined;
  if (stat.ephemeralOwner === zk.sessionId) {
    return { path, name, czxid: stat.czxid, owner: stat.ephemeralOwner };
  }
  await guaranteedDelete(zk, path, zk.sessionId);
  return undefined;
}

async function mkdirp(zk: ZooKeeper, path: string): Promise<void> {
  try {
    await zk.mkdirp(path);
  } catch (error) {
    if (!isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED')) throw error;
  }
}
