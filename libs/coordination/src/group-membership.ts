import type { Logger } from '@flashmesh/telemetry';
import { joinPath, PersistentNode, SubtreeCache, type ZooKeeper } from '@flashmesh/zookeeper';

export interface GroupMembershipOptions {
  /** Called with id and data of all members after the first reading and after every change. It must not block. */
  readonly onChange?: (members: ReadonlyMap<string, Buffer>) => void;
  /** Whether to keep track of who is there; without, it only joins. @default true */
  readonly observe?: boolean;
  readonly logger?: Logger;
}

/**
 * Who is there: each member has a node that lives as long as its process, and is made again after a lost session. A member that
 * died is known to be gone within its session timeout.
 */
export class GroupMembership {
  private readonly own: PersistentNode;
  private readonly cache: SubtreeCache;
  private readonly observe: boolean;

  /** @param id of this member, another for each. @param data what the others shall know of it. */
  constructor(zk: ZooKeeper, path: string, id: string, data: string, o: GroupMembershipOptions = {}) {
    this.own = new PersistentNode(zk, joinPath(path, id), data, o.logger);
    this.observe = o.observe ?? true;
    this.cache = new SubtreeCache(zk, path, {
      onChange: () => o.onChange?.(this.members),
      logger: o.logger,
    });
  }

  /** Joins; resolves when the others can see it and, if it observes, it sees them. */
  async start(): Promise<void> {
    await this.own.start();
    if (this.observe) await this.cache.start();
  }

  /** Id and data of all members, as last seen; nobody without `observe`. */
  get members(): ReadonlyMap<string, Buffer> {
    return new Map([...this.cache.children()].map(([id, { data }]) => [id, data]));
  }

  /** Leaves. */
  async close(): Promise<void> {
    await this.cache.stop();
    await this.own.withdraw();
  }
}
