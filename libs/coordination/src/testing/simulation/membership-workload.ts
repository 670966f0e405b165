import { sleep } from '@flashmesh/core';
import { holdsInTime, type SimulatedClient, type Simulation } from '@flashmesh/zookeeper/testing';
import { GroupMembership } from '../../group-membership.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/group';

/** Whoever joined comes to be seen by all, whoever left is gone, and nobody is seen who never was there. */
export class MembershipWorkload extends SimulatedWorkload {
  private readonly inside = new Map<string, GroupMembership>();
  private readonly ever = new Set<string>();

  constructor(sim: Simulation) {
    super(sim, 'membership');
  }

  override async run(client: SimulatedClient, untilMs: number): Promise<void> {
    const { clock } = client.process;
    for (;;) {
      await this.join(client);
      const restMs = untilMs - this.sim.clock.monotonic();
      await sleep(Math.max(Math.min(restMs, this.random.between(100, 3000)), 1), undefined, clock);
      if (this.sim.clock.monotonic() >= untilMs) return;
      await this.leave(client);
    }
  }

  protected step(): Promise<void> {
    return Promise.resolve();
  }

  async check(): Promise<void> {
    const all = [...this.inside.keys()].sort().join();
    await holdsInTime(
      this.sim,
      'all members see each other',
      () => [...this.inside.values()].every(({ members }) => [...members.keys()].sort().join() === all),
      this.sim.sessionTimeoutMs * 3,
      () =>
        [...this.inside].map(([id, { members }]) => `${id} sees ${[...members.keys()].join()}`).join('; '),
    );
    await Promise.all(this.sim.clients.map((client) => this.leave(client)));
    await this.checkEmpty(PATH);
  }

  private async join(client: SimulatedClient): Promise<void> {
    const { name, zk } = client;
    const group = new GroupMembership(zk, PATH, name, name, {
      onChange: (members) => {
        for (const id of members.keys())
          this.sim.check(this.ever.has(id), `${id} is seen, and never was there`);
      },
    });
    this.ever.add(name);
    this.inside.set(name, group);
    await this.attempt(client, () => group.start());
  }

  private async leave(client: SimulatedClient): Promise<void> {
    const group = this.inside.get(client.name);
    this.inside.delete(client.name);
    await this.attempt(client, async () => group?.close());
  }
}
