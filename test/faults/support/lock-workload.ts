import { Lock, type LockHandle } from '@flashmesh/coordination';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';
import { Beliefs } from './beliefs.ts';
import { pause } from '../../support/eventually.ts';
import { FencedResource } from './fenced-resource.ts';
import { Workload } from './workload.ts';

const WORKERS_A_CLIENT = 2;
/** How many turns pass between two that are asked for the lock back. */
const ASK_EVERY = 5;

/** Clients that take turns at one lock and write to what it protects. */
export class LockWorkload extends Workload {
  readonly name = 'Lock';
  private readonly beliefs = new Beliefs(['holder'], ({ holder }) => holder <= 1);
  private readonly resource = new FencedResource();
  private turns = 0;
  private askedBack = 0;

  start(): Promise<void> {
    for (const zk of this.ground.clients) {
      for (let i = 0; i < WORKERS_A_CLIENT; i++) this.repeat(() => this.takeTurn(zk));
    }
    return Promise.resolve();
  }

  async verify(): Promise<void> {
    expect(this.beliefs.violations).toEqual([]);
    expect(this.beliefs.most.get('holder')).toBe(1);
    expect(this.resource.stepsBack).toEqual([]);
    expect(this.askedBack).toBeGreaterThan(0);
    expect(await new Lock(this.ground.direct, this.ground.path).participants()).toEqual([]);
  }

  private async takeTurn(zk: ZooKeeper): Promise<void> {
    const lock = new Lock(zk, this.ground.path);
    const handle: LockHandle = await lock.acquire({ signal: this.ending, onRevoke: () => this.askedBack++ });
    const leave = this.beliefs.enter('holder', handle);
    try {
      if (this.turns++ % ASK_EVERY === 0) await this.askBack(lock);
      for (let i = 0; i < 3 && handle.isHeld(); i++) {
        this.resource.write(handle.token);
        await pause(4);
        this.beliefs.look();
      }
      // Careless: the lock may be lost by now, and only the resource can tell.
      this.resource.write(handle.token);
    } finally {
      leave();
      await handle.release();
    }
  }

  /** Whoever has it by now hears of it. */
  private async askBack(lock: Lock): Promise<void> {
    await lock.revoke().catch((error: unknown) => {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
    });
  }
}
