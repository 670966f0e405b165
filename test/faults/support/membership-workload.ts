import { GroupMembership } from '@flashmesh/coordination';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { pause } from '../../support/eventually.ts';
import { Workload } from './workload.ts';

const JOINED_MS = 50;

/** Every client joins a group, is seen there, and leaves it again; one that stays sees them come and go. */
export class MembershipWorkload extends Workload {
  readonly name = 'GroupMembership';
  private readonly strangers = new Set<string>();
  private observer: GroupMembership | undefined;
  private joined = 0;

  async start(): Promise<void> {
    this.observer = this.groupOf(this.ground.direct, 'observer');
    await this.observer.start();
    for (const [index, zk] of this.ground.clients.entries()) this.repeat(() => this.visit(zk, `${index}`));
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.observer?.close();
  }

  async verify(): Promise<void> {
    expect([...this.strangers]).toEqual([]);
    expect(this.joined).toBeGreaterThan(0);
    expect(await this.ground.direct.children(this.ground.path)).toEqual([]);
  }

  private async visit(zk: ZooKeeper, id: string): Promise<void> {
    const group = this.groupOf(zk, id);
    try {
      await group.start();
      const isSeen = () => this.observer?.members.has(id) ?? false;
      while (!isSeen() && !this.ending.aborted) await pause(5);
      this.joined++;
      await pause(JOINED_MS);
    } finally {
      await group.close();
    }
  }

  private groupOf(zk: ZooKeeper, id: string): GroupMembership {
    return new GroupMembership(zk, this.ground.path, id, id, {
      onChange: (members) => {
        for (const [member, data] of members) if (data.toString() !== member) this.strangers.add(member);
      },
    });
  }
}
