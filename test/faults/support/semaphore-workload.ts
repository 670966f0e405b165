import { Semaphore } from '@flashmesh/coordination';
import { joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { Beliefs } from './beliefs.ts';
import { pause } from '../../support/eventually.ts';
import { Workload } from './workload.ts';

const PERMITS = 2;
const WORKERS_A_CLIENT = 2;
/** Long enough that the next one has its lease meanwhile. */
const USE_LOOKS = 25;

/** More workers than permits. */
export class SemaphoreWorkload extends Workload {
  readonly name = 'Semaphore';
  private readonly beliefs = new Beliefs(['lease'], ({ lease }) => lease <= PERMITS);

  start(): Promise<void> {
    for (const zk of this.ground.clients) {
      for (let i = 0; i < WORKERS_A_CLIENT; i++) this.repeat(() => this.takeLease(zk));
    }
    return Promise.resolve();
  }

  async verify(): Promise<void> {
    const { direct, path } = this.ground;
    expect(this.beliefs.violations).toEqual([]);
    expect(this.beliefs.most.get('lease')).toBe(PERMITS);
    expect(await direct.children(joinPath(path, 'leases'))).toEqual([]);
    expect(await direct.children(joinPath(path, 'locks'))).toEqual([]);
  }

  private async takeLease(zk: ZooKeeper): Promise<void> {
    const lease = await new Semaphore(zk, this.ground.path, PERMITS).acquire({ signal: this.ending });
    const leave = this.beliefs.enter('lease', lease);
    try {
      for (let i = 0; i < USE_LOOKS; i++) {
        await pause(4);
        this.beliefs.look();
      }
    } finally {
      leave();
      await lease.release();
    }
  }
}
