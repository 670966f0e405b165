import { createHash } from 'node:crypto';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';

/** What the instances of one revision of a service have in common. */
export interface ServiceMetadata {
  /** Paths of its gRPC methods, e.g. `/flashmesh.order.v1.OrderService/PlaceOrder`. */
  readonly methods: readonly string[];
}

/**
 * Metadata of services, as Dubbo 3 has it: a node a revision, apart from the instances, which only name theirs. So what ZooKeeper holds
 * and tells grows with instances, not with instances times methods. A revision is the hash of its content: its node never changes,
 * and stays, for there are only as many as sets of methods that a service ever had.
 */
export class MetadataNodes {
  private readonly zk: ZooKeeper;
  private readonly known = new Map<string, ServiceMetadata>();

  constructor(zk: ZooKeeper) {
    this.zk = zk;
  }

  /** @returns the revision; the order of the methods does not matter. */
  async publish(folder: string, { methods }: ServiceMetadata): Promise<string> {
    const data = JSON.stringify({ methods: methods.toSorted() });
    const revision = createHash('sha256').update(data).digest('hex').slice(0, 16);
    await this.zk.mkdirp(folder);
    try {
      await this.zk.create(joinPath(folder, revision), data);
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NODE_EXISTS')) throw error;
    }
    return revision;
  }

  /** Asked of ZooKeeper once; `undefined` when there is no such revision, or what is there is no metadata. */
  async read(path: string): Promise<ServiceMetadata | undefined> {
    const known = this.known.get(path);
    if (known) return known;
    try {
      const { data } = await this.zk.get(path);
      const found = decode(data);
      if (found) this.known.set(path, found);
      return found;
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_NO_NODE')) return undefined;
      throw error;
    }
  }
}

/** Others may write there, too. */
function decode(data: Buffer): ServiceMetadata | undefined {
  try {
    const { methods } = JSON.parse(data.toString('utf8')) as Partial<Record<keyof ServiceMetadata, unknown>>;
    const paths = Array.isArray(methods) ? methods.filter((path) => typeof path === 'string') : undefined;
    return paths && { methods: paths };
  } catch {
    return undefined;
  }
}
