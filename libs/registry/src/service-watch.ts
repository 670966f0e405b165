import type { ServiceInstance } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { type ConnectionState, SubtreeCache, type ZooKeeper } from '@flashmesh/zookeeper';
import { decodeInstance } from './instance-json.ts';
import { VanishedInstances } from './vanished-instances.ts';

export type InstancesListener = (instances: readonly ServiceInstance[]) => void;

/** The live instances of one service, shared by all who watch it. */
export class ServiceWatch {
  private readonly listeners = new Set<InstancesListener>();
  private readonly nodes: SubtreeCache;
  private readonly vanished: VanishedInstances;
  private readonly unwatchState: () => void;
  private instances: readonly ServiceInstance[] | undefined;

  constructor(zk: ZooKeeper, path: string, logger?: Logger) {
    this.vanished = new VanishedInstances({
      onChange: (instances) => {
        this.instances = instances;
        for (const listener of this.listeners) listener(instances);
      },
    });
    this.nodes = new SubtreeCache(zk, path, {
      logger,
      onChange: (nodes) => {
        const found = [...nodes.children()].flatMap(([name, { data }]) => {
          const instance = decodeInstance(data);
          if (!instance) logger?.warn({ path, node: name }, 'not an instance: ignored');
          return instance ?? [];
        });
        this.vanished.update(found);
      },
    });
    this.follow(zk.state);
    this.unwatchState = zk.onState((state) => this.follow(state));
    void this.nodes.start();
  }

  /** Whether anybody listens. */
  get used(): boolean {
    return this.listeners.size > 0;
  }

  /** How old the instances may be, in milliseconds; 0 while ZooKeeper is in reach and nothing is in doubt. */
  get staleMs(): number {
    return this.vanished.staleMs;
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
    this.unwatchState();
    this.vanished.stop();
    return this.nodes.stop();
  }

  private follow({ name }: ConnectionState): void {
    if (name === 'connected') this.vanished.namingBack();
    else this.vanished.namingLost();
  }
}
