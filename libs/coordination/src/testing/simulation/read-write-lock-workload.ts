import type { SimulatedClient, Simulation } from '@flashmesh/zookeeper/testing';
import type { LockHandle } from '../../lock.ts';
import { ReadWriteLock, type WriteHandle } from '../../read-write-lock.ts';
import { Holders } from './holders.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/locks/shared';

/** Readers beside readers, a writer beside nobody; some writers go on as readers. */
export class ReadWriteLockWorkload extends SimulatedWorkload {
  private readonly holders: Holders;

  constructor(sim: Simulation) {
    super(sim, 'read-write lock');
    this.holders = new Holders(sim, 'the read-write lock', (others, newcomer) =>
      newcomer.mode === 'write' ? others.length === 0 : others.every(({ mode }) => mode === 'read'),
    );
  }

  protected async step(client: SimulatedClient): Promise<void> {
    const lock = new ReadWriteLock(client.zk, PATH);
    const timeoutMs = this.random.pick([undefined, undefined, 500]);
    const writes = this.random.chance(0.4);
    let held: LockHandle | WriteHandle | undefined;
    await this.attempt(client, async () => {
      held = await (writes ? lock.write({ timeoutMs }) : lock.read({ timeoutMs }));
    }, ['LOCK_TIMEOUT']);
    if (!held) return;
    let leave = this.holders.enter(client, held, writes ? 'write' : 'read', false);
    await this.pause(client, 1, 100);
    if ('downgrade' in held && this.random.chance(0.3)) {
      const writing = held;
      leave();
      let reading: LockHandle | undefined;
      await this.attempt(client, async () => {
        reading = await writing.downgrade();
      }, ['NOT_HELD']);
      if (reading) {
        leave = this.holders.enter(client, reading, 'read', false);
        await this.pause(client, 1, 50);
        leave();
        await reading.release();
        return;
      }
    }
    leave();
    await held.release();
  }

  async check(): Promise<void> {
    await this.checkEmpty(PATH);
    this.sim.check(this.holders.count > 0, 'nobody ever had the read-write lock');
  }
}
