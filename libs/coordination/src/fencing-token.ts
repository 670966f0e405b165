import { randomUUID } from 'node:crypto';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';

/**
 * Says which of two holders came later. Mutual exclusion without it is a hope: a paused process does not know that its session is over.
 * Hand it to the store that is protected, which refuses a token older than one it has seen.
 */
export interface FencingToken {
  /**
   * The ensemble that gave it. Transaction ids begin anew in an ensemble that was set up again, so tokens of two ensembles cannot be
   * compared: a store that sees another ensemble asks its operator.
   */
  readonly ensemble: string;
  /** The transaction that created the holder's node: larger for every later holder. */
  readonly czxid: bigint;
}

/** Holds the ensemble's id; made once by whoever asks first. Below the node that is the shop's own where the root is nobody's. */
const PARENT_PATH = '/flashmesh';
const ENSEMBLE_PATH = `${PARENT_PATH}/ensemble`;
/** What each client's session was told: an ensemble that was set up anew has none of the sessions of before. */
const known = new WeakMap<ZooKeeper, { readonly session: bigint; readonly id: Promise<string> }>();

/**
 * Whether `token` is older than `seen`, so that what it was sent with is to be refused.
 *
 * @throws RangeError when they come from two ensembles.
 */
export function isStale(token: FencingToken, seen: FencingToken): boolean {
  if (token.ensemble !== seen.ensemble) {
    throw new RangeError(
      `a token of ensemble ${token.ensemble} cannot be compared with one of ${seen.ensemble}`,
    );
  }
  return token.czxid < seen.czxid;
}

/** The id of the ensemble that the client talks to: a UUID that lives and dies with its data. */
export function ensembleOf(zk: ZooKeeper): Promise<string> {
  const session = zk.sessionId;
  const before = known.get(zk);
  if (before?.session === session) return before.id;
  const asked = { session, id: readOrMake(zk) };
  // Between two sessions it is not known which of them will be told.
  if (session !== 0n) known.set(zk, asked);
  // What failed is asked again.
  asked.id.catch(() => {
    if (known.get(zk) === asked) known.delete(zk);
  });
  return asked.id;
}

async function readOrMake(zk: ZooKeeper): Promise<string> {
  try {
    return (await zk.get(ENSEMBLE_PATH)).data.toString();
  } catch (error) {
    if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
  }
  try {
    const id = randomUUID();
    await zk.create(ENSEMBLE_PATH, id);
    return id;
  } catch (error) {
    if (isZooKeeperError(error, 'ZK_NO_NODE')) await zk.mkdirp(PARENT_PATH);
    else if (!isZooKeeperError(error, 'ZK_NODE_EXISTS')) throw error;
    return readOrMake(zk);
  }
}
