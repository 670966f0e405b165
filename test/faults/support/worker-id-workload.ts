import { claimWorkerId } from '@flashmesh/coordination';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { Beliefs } from './beliefs.ts';
import { pause } from '../../support/eventually.ts';
import { Workload } from './workload.ts';

const WORKERS_A_CLIENT = 2;
/** More than there are workers: those of lost sessions are taken for a while. */
const NUMBERS = 50;

/** Workers that claim a number each and give it back. */
export class WorkerIdWorkload extends Workload {
  readonly name = 'WorkerId';
  private readonly beliefs = new Map<number, Beliefs<'owner'>>();

  start(): Promise<void> {
    for (const zk of this.ground.clients) {
      for (let i = 0; i < WORKERS_A_CLIENT; i++) this.repeat(() => this.claim(zk));
    }
    return Promise.resolve();
  }

  async verify(): Promise<void> {
    expect([...this.beliefs.values()].flatMap(({ violations }) => violations)).toEqual([]);
    expect(this.beliefs.get(0)?.most.get('owner')).toBe(1);
    expect(await this.ground.direct.children(this.ground.path)).toEqual([]);
  }

  private async claim(zk: ZooKeeper): Promise<void> {
    const worker = await claimWorkerId(zk, this.ground.path, 'worker', NUMBERS, this.ending);
    const beliefs = this.beliefs.get(worker.id) ?? new Beliefs(['owner'], ({ owner }) => owner <= 1);
    this.beliefs.set(worker.id, beliefs);
    const leave = beliefs.enter('owner', worker);
    try {
      await pause(10);
    } finally {
      leave();
      await worker.release();
    }
  }
}
