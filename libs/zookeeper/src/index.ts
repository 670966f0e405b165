export { ChildrenView, type ChildrenViewOptions } from './children-view.ts';
export { isZooKeeperError, ZooKeeperError, type ZooKeeperErrorCode } from './errors.ts';
export type { CreateMode } from './op-codes.ts';
export { joinPath } from './paths.ts';
export { Reconciler, type ReconcilerOptions } from './reconciler.ts';
export { type Acl, CREATOR_ALL_ACL, OPEN_ACL, type Stat } from './records.ts';
export type { SessionCredentials } from './session.ts';
export type { ConnectionState, LossReason } from './state.ts';
export type { WatchEvent } from './watch-registry.ts';
export {
  type CallOptions,
  type CreateOptions,
  type ReadOptions,
  ZooKeeper,
  type ZooKeeperOptions,
} from './zookeeper.ts';
