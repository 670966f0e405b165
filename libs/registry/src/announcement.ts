import type { ServiceInstance } from '@flashmesh/core';
import type { PersistentNode } from '@flashmesh/zookeeper';
import { encodeInstance } from './instance-json.ts';

/** An instance that is known, until it is withdrawn. */
export class Announcement {
  private readonly node: PersistentNode;
  private readonly instance: ServiceInstance;

  /** @internal */
  constructor(node: PersistentNode, instance: ServiceInstance) {
    this.node = node;
    this.instance = instance;
  }

  /**
   * Says that the instance is about to stop, so that callers leave before it does: it is called only where there is no other.
   * Resolves when that is known to ZooKeeper; waits while ZooKeeper is out of reach.
   */
  drain(): Promise<void> {
    return this.node.update(encodeInstance({ ...this.instance, state: 'draining' }));
  }

  /**
   * Takes the instance out, at once. When ZooKeeper is out of reach it goes with its session.
   *
   * @throws ZooKeeperError when it is unknown whether it is gone.
   */
  withdraw(): Promise<void> {
    return this.node.withdraw();
  }
}
