import type { SimulatedClient, Simulation } from '@flashmesh/zookeeper/testing';
import { Lock, type LockHandle } from '../../lock.ts';
import { FencedStore } from './fenced-store.ts';
import { Holders } from './holders.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/locks/one';
const GUARDED = '/locks-guarded';

/** One lock, a store that checks its tokens, and a node that only its holder may write. */
export class LockWorkload extends SimulatedWorkload {
  private readonly holders: Holders;
  private readonly store: FencedStore;

  constructor(sim: Simulation) {
    super(sim, 'lock');
    this.holders = new Holders(sim, 'the lock', (others) => others.length === 0);
    this.store = new FencedStore(sim);
  }

  protected async step(client: SimulatedClient): Promise<void> {
    const { zk, process } = client;
    const lock = new Lock(zk, PATH);
    const patience = this.random.pick([undefined, undefined, 0, 100, 2000]);
    let handle: LockHandle | undefined;
    let asked = 0;
    const onRevoke = () => {
      asked++;
      this.sim.check(
        handle !== undefined && asked === 1,
        `${client.name} is asked for a lock back: ${asked}`,
      );
    };
    if (this.random.chance(0.1)) await this.attempt(client, () => lock.revoke(), ['ZK_NO_NODE']);
    await this.attempt(client, async () => {
      const leaving = new AbortController();
      const impatient = this.random.chance(0.1);
      const timer = process.clock.after(this.random.between(1, 200), () => impatient && leaving.abort());
      try {
        const { signal } = leaving;
        const revocable = this.random.chance(0.5);
        handle = await lock.acquire({ timeoutMs: patience, signal, ...(revocable ? { onRevoke } : {}) });
      } finally {
        timer.cancel();
      }
    }, ['LOCK_TIMEOUT', 'CANCELLED']);
    if (!handle) return;
    const held = handle;
    const { token } = held;
    const leave = this.holders.enter(client, handle, 'alone');
    // It looks, and then something takes long: what it looked at is old when the write arrives.
    const sure = handle.isHeld();
    await this.pause(client, 1, 100);
    if (sure)
      this.sim.clock.after(this.random.chance(0.1) ? this.random.between(0, 4000) : 1, () =>
        this.store.write(token),
      );
    await this.attempt(client, () => held.guard([{ op: 'set', path: GUARDED, data: String(token.czxid) }]), [
      'NOT_HELD',
      'ZK_NO_NODE',
    ]);
    leave();
    await handle.release();
  }

  async check(): Promise<void> {
    await this.checkEmpty(PATH);
    this.sim.check(this.holders.count > 0, 'nobody ever had the lock');
    let last = 0n;
    for (const { changes } of this.sim.ensemble.log) {
      for (const change of changes) {
        if (change.type !== 'set' || change.path !== GUARDED) continue;
        const token = BigInt(change.data.toString());
        this.sim.check(token >= last, 'a guarded write of a holder that was overtaken');
        last = token;
      }
    }
  }
}

/** The node that guarded writes go to. */
export const guardedNode = GUARDED;
