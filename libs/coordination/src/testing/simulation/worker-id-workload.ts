import type { SimulatedClient, Simulation } from '@flashmesh/zookeeper/testing';
import { claimWorkerId, type WorkerId } from '../../worker-id.ts';
import { Holders } from './holders.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/workers';
const NUMBERS = 2;

/** No number is two processes', and none stays taken. */
export class WorkerIdWorkload extends SimulatedWorkload {
  private readonly holders: readonly Holders[];

  constructor(sim: Simulation) {
    super(sim, 'worker id');
    this.holders = Array.from(
      { length: NUMBERS },
      (_, id) => new Holders(sim, `number ${id}`, (others) => others.length === 0),
    );
  }

  protected async step(client: SimulatedClient): Promise<void> {
    let worker: WorkerId | undefined;
    await this.attempt(client, async () => {
      const leaving = new AbortController();
      const impatient = this.random.chance(0.1);
      const timer = client.process.clock.after(
        this.random.between(1, 50),
        () => impatient && leaving.abort(),
      );
      try {
        worker = await claimWorkerId(client.zk, PATH, client.name, NUMBERS, leaving.signal);
      } finally {
        timer.cancel();
      }
    }, ['NO_WORKER_ID', 'CANCELLED']);
    if (!worker) return;
    const leave = this.holders[worker.id]?.enter(client, worker, 'alone');
    await this.pause(client, 1, 200);
    leave?.();
    await worker.release();
  }

  async check(): Promise<void> {
    await this.checkEmpty(PATH);
    this.sim.check(
      this.holders.every(({ count }) => count > 0),
      'a number was never claimed',
    );
  }
}
