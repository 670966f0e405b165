/** Operation codes (`ZooDefs.OpCode`). */
export const OpCode = {
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getAcl: 6,
  setAcl: 7,
  getChildren: 8,
  sync: 9,
  ping: 11,
  getChildren2: 12,
  /** Only within a transaction. */
  check: 13,
  multi: 14,
  create2: 15,
  reconfig: 16,
  checkWatches: 17,
  removeWatches: 18,
  createContainer: 19,
  createTtl: 21,
  multiRead: 22,
  auth: 100,
  setWatches: 101,
  sasl: 102,
  getEphemerals: 103,
  getAllChildrenNumber: 104,
  setWatches2: 105,
  addWatch: 106,
  whoAmI: 107,
  closeSession: -11,
  /** In the reply to a transaction: the result of an operation that was not done. */
  error: -1,
} as const;

export type OpCode = (typeof OpCode)[keyof typeof OpCode];

/** Transaction ids with a meaning of their own; requests count up from 1. */
export const Xid = {
  notification: -1,
  ping: -2,
  auth: -4,
  setWatches: -8,
} as const;

/**
 * How long a node lives, and whether the server appends a ten-digit sequence number to its name.
 *
 * - `ephemeral`: as long as the session that made it.
 * - `container`: until a while after its last child was deleted, as the server finds time (every 60 s by default). So creating a child
 *   may fail with `ZK_NO_NODE` at any time.
 * - `ttl`: until it was not changed for `ttlMs` and has no children. Servers must be told to offer it
 *   (`zookeeper.extendedTypesEnabled=true`), others answer `ZK_UNIMPLEMENTED`.
 */
export type CreateMode =
  | 'persistent'
  | 'ephemeral'
  | 'persistent-sequential'
  | 'ephemeral-sequential'
  | 'container'
  | 'ttl'
  | 'ttl-sequential';

/** The flags of create requests (`CreateMode`). */
export const createFlags: Record<CreateMode, number> = {
  persistent: 0,
  ephemeral: 1,
  'persistent-sequential': 2,
  'ephemeral-sequential': 3,
  container: 4,
  ttl: 5,
  'ttl-sequential': 6,
};
