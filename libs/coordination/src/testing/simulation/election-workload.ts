import { sleep } from '@flashmesh/core';
import type { SimulatedClient, Simulation } from '@flashmesh/zookeeper/testing';
import { Election } from '../../election.ts';
import { Holders } from './holders.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/election';

/** One leader at a time, with a token that grows. */
export class ElectionWorkload extends SimulatedWorkload {
  private readonly holders: Holders;

  constructor(sim: Simulation) {
    super(sim, 'election');
    this.holders = new Holders(sim, 'leadership', (others) => others.length === 0);
  }

  override async run(client: SimulatedClient, untilMs: number): Promise<void> {
    const election = new Election(client.zk, PATH, client.name);
    election.run(async (leadership) => {
      const leave = this.holders.enter(client, leadership, 'leader');
      try {
        const rest = sleep(this.random.between(50, 800), leadership.signal, client.process.clock);
        await rest.catch(() => undefined);
        if (this.random.chance(0.05)) throw new Error('leading failed');
      } finally {
        leave();
      }
    });
    await sleep(Math.max(untilMs - this.sim.clock.monotonic(), 1), undefined, client.process.clock);
    await election.stop();
  }

  protected step(): Promise<void> {
    return Promise.resolve();
  }

  async check(): Promise<void> {
    await this.checkEmpty(PATH);
    this.sim.check(this.holders.count > 0, 'nobody ever led');
  }
}
