import { invalidArgument, type Resolver, type ServiceInstance } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { joinPath, PersistentNode, type ZooKeeper } from '@flashmesh/zookeeper';
import { Announcement } from './announcement.ts';
import { decodeInstance, encodeInstance } from './instance-json.ts';
import { MetadataNodes, type ServiceMetadata } from './service-metadata.ts';
import { type InstancesListener, ServiceWatch } from './service-watch.ts';

export interface RegistryOptions {
  /** The node beneath which services are. @default '/flashmesh/services' */
  readonly root?: string;
  /** The node beneath which their metadata is. @default '/flashmesh/metadata' */
  readonly metadataRoot?: string;
  readonly logger?: Logger;
}

/**
 * Naming over ZooKeeper: an instance is an ephemeral node `<root>/<service>/<id>` with its data as JSON. A withdrawn or closed
 * instance disappears at once, a dead one within its session timeout. While ZooKeeper is out of reach, the last known instances
 * stay in use; those that are missing afterwards are probed before they are dropped (see `VanishedInstances`).
 */
export class Registry implements Resolver {
  private readonly zk: ZooKeeper;
  private readonly root: string;
  private readonly metadataRoot: string;
  private readonly metadataNodes: MetadataNodes;
  private readonly logger: Logger | undefined;
  private readonly watches = new Map<string, ServiceWatch>();
  private readonly announcements = new Set<Announcement>();

  constructor(zk: ZooKeeper, o: RegistryOptions = {}) {
    this.zk = zk;
    this.root = o.root ?? '/flashmesh/services';
    this.metadataRoot = o.metadataRoot ?? '/flashmesh/metadata';
    this.metadataNodes = new MetadataNodes(zk);
    this.logger = o.logger;
  }

  /**
   * Makes an instance known, and keeps it known until it is withdrawn. Resolves when the node is there; waits while ZooKeeper
   * is out of reach. A node that another process left under the same id is replaced.
   *
   * @throws FlashmeshError `invalid_argument` for an instance that could not be read back; ZooKeeperError e.g. `ZK_NO_AUTH`.
   */
  async announce(service: string, instance: ServiceInstance): Promise<Announcement> {
    const data = encodeInstance(instance);
    if (!decodeInstance(Buffer.from(data))) {
      throw invalidArgument(
        'instance',
        'needs id, host:port with a port of 1 to 65535, and a weight of 0 or more',
      );
    }
    const path = joinPath(this.pathOf(service), requireName('instance.id', instance.id));
    const node = new PersistentNode(this.zk, path, data, this.logger);
    const announcement = new Announcement(node, instance);
    this.announcements.add(announcement);
    try {
      await node.start();
    } catch (error) {
      this.announcements.delete(announcement);
      throw error;
    }
    return announcement;
  }

  /**
   * Tells what a service serves; an instance names it by the revision that this returns.
   *
   * @throws ZooKeeperError e.g. `ZK_CONNECTION_LOSS`: it can be tried again.
   */
  publish(service: string, metadata: ServiceMetadata): Promise<string> {
    const folder = joinPath(this.metadataRoot, requireName('service', service));
    return this.metadataNodes.publish(folder, metadata);
  }

  /**
   * What instances of a revision serve; `undefined` for one that nobody published. Asked of ZooKeeper once a revision.
   *
   * @throws ZooKeeperError when ZooKeeper cannot be asked.
   */
  async metadata(service: string, revision: string): Promise<ServiceMetadata | undefined> {
    const folder = joinPath(this.metadataRoot, requireName('service', service));
    return this.metadataNodes.read(joinPath(folder, requireName('revision', revision)));
  }

  watch(service: string, listener: (instances: readonly ServiceInstance[]) => void): () => void {
    const path = this.pathOf(service);
    let shared = this.watches.get(service);
    if (!shared) {
      shared = new ServiceWatch(this.zk, path, this.logger);
      this.watches.set(service, shared);
    }
    const watch = shared;
    // A listener may be given twice: each registration is its own.
    const own: InstancesListener = (instances) => listener(instances);
    watch.add(own);
    return () => {
      watch.remove(own);
      if (watch.used || this.watches.get(service) !== watch) return;
      this.watches.delete(service);
      void watch.stop();
    };
  }

  /** How long ZooKeeper has been out of reach, in milliseconds: the age that the instances of a watched service may have. */
  staleMs(service: string): number {
    return this.watches.get(service)?.staleMs ?? 0;
  }

  /** Withdraws what was announced and ends all watches. The ZooKeeper client stays open: it is the caller's. */
  async close(): Promise<void> {
    const watches = [...this.watches.values()];
    const announcements = [...this.announcements];
    this.watches.clear();
    this.announcements.clear();
    await Promise.all([
      ...watches.map((watch) => watch.stop()),
      ...announcements.map((announcement) => announcement.withdraw()),
    ]);
  }

  private pathOf(service: string): string {
    return joinPath(this.root, requireName('service', service));
  }
}

/** A name is one part of a path. */
function requireName(field: string, name: string): string {
  if (!/^[\w.-]+$/.test(name) || name === '.' || name === '..') {
    throw invalidArgument(field, 'consists of letters, digits, dots, dashes and underscores');
  }
  return name;
}
