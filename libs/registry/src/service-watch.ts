import type { ServiceInstance } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { SubtreeCache, type ZooKeeper } from '@flashmesh/zookeeper';
import { decodeInstance } from './instance-json.ts';

export type InstancesListener = (instances: readonly ServiceInstance[]) => void;

/** The live instances of one service, shared by all who watch it. */
export class ServiceWatch {
  private readonly listeners = new Set<InstancesListener>();
  private readonly nodes: SubtreeCache;
  private instances: readonly ServiceInstance[] | undefined;

  constructor(zk: ZooKeeper, path: string, logger?: Logger) {
    this.nodes = new SubtreeCache(zk, path, {
      logger,
      onChange: (nodes) => {
        this.instances = [...nodes.children()].flatMap(([name, { data }]) => {
          const instance = decodeInstance(data);
          if (!instance) logger?.warn({ path, node: name }, 'not an instance: ignored');
          return instance ?? [];
        });
        for (const listener of this.listeners) listener(this.instances);
      },
    });
    void this.nodes.start();
  }

  /** Whether anybody listens. */
  get used(): boolean {
    return this.listeners.size > 0;
  }

  add(listener: InstancesListener): void {
    this.listeners.add(listener);
    if (!this.instances) return;
    // Never within the caller's own call.
    queueMicrotask(() => {
      if (this.instances && this.listeners.has(listener)) listener(this.instances);
    });
  }

  remove(listener: InstancesListener): void {
    this.listeners.delete(listener);
  }

  stop(): Promise<void> {
    return this.nodes.stop();
  }
}
