export type { Dial } from './dial.ts';
export { isZooKeeperError, ZooKeeperError, type ZooKeeperErrorCode } from './errors.ts';
export type { CreateMode } from './op-codes.ts';
export type { CallOptions, CreateOptions, ReadOptions, WatchOptions, ZooKeeperOptions } from './options.ts';
export type { Endpoint } from './host-list.ts';
export { joinPath, nameOf, parentOf } from './paths.ts';
export { PersistentNode } from './persistent-node.ts';
export { Reconciler, type ReconcilerOptions } from './reconciler.ts';
export type { ClientInfo, Reconfiguration, WatcherType } from './requests.ts';
export { type Acl, CREATOR_ALL_ACL, OPEN_ACL, type Stat } from './records.ts';
export type { SessionCredentials } from './session-options.ts';
export type { ConnectionState, LossReason } from './state.ts';
export { type CachedNode, SubtreeCache, type SubtreeCacheOptions } from './subtree-cache.ts';
export {
  type Operation,
  type ReadOperation,
  type ReadResultOf,
  type ResultOf,
  TransactionRefused,
} from './transaction.ts';
export type { WatchEvent } from './watch-registry.ts';
export { ZooKeeper } from './zookeeper.ts';
