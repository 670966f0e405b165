import type { SimulatedClient, Simulation } from '@flashmesh/zookeeper/testing';
import type { Holding } from '../../holding.ts';
import { Semaphore } from '../../semaphore.ts';
import { Holders } from './holders.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/semaphore';
const LEASES = 2;

/** Never more leases than there are. */
export class SemaphoreWorkload extends SimulatedWorkload {
  private readonly holders: Holders;

  constructor(sim: Simulation) {
    super(sim, 'semaphore');
    this.holders = new Holders(sim, 'a lease', (others) => others.length < LEASES);
  }

  protected async step(client: SimulatedClient): Promise<void> {
    const semaphore = new Semaphore(client.zk, PATH, LEASES);
    const timeoutMs = this.random.pick([undefined, undefined, 0, 500]);
    let lease: Holding | undefined;
    await this.attempt(client, async () => {
      lease = await semaphore.acquire({ timeoutMs });
    }, ['LEASE_TIMEOUT', 'LOCK_TIMEOUT', 'NOT_HELD']);
    if (!lease) return;
    const leave = this.holders.enter(client, lease, 'one', false);
    await this.pause(client, 1, 150);
    leave();
    await lease.release();
  }

  async check(): Promise<void> {
    await this.checkEmpty(`${PATH}/leases`);
    await this.checkEmpty(`${PATH}/locks`);
    this.sim.check(this.holders.count > 0, 'nobody ever had a lease');
  }
}
