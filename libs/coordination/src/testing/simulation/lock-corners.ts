import { sleep } from '@flashmesh/core';
import { joinPath } from '@flashmesh/zookeeper';
import { Lock, type LockHandle } from '../../lock.ts';
import { childrenOf, corner, PARENT, resetAt } from './corner.ts';

/** More than a lock with `onRevoke` asks for until it is held. */
const STEPS = 12;
const REVOKE = '__REVOKE__';

/** Wherever the connection breaks on the way to a lock that may be asked back, it comes to be held, and is asked back once. */
export const revocableLockOverAReset = corner(async (sim, client) => {
  const { zk: other } = await sim.connect('other');
  for (let step = 1; step <= STEPS; step++) {
    let asked = 0;
    resetAt(sim, client, step);
    const handle = await new Lock(client.zk, PARENT).acquire({ onRevoke: () => asked++ });
    resetAt(sim, client, Infinity);
    sim.check(handle.isHeld(), `a reset at step ${step}: not held`);
    sim.check(childrenOf(sim).length === 1, `a reset at step ${step}: ${childrenOf(sim).join()} are in line`);
    await new Lock(other, PARENT).revoke();
    await sleep(100, undefined, sim.clock);
    sim.check(asked === 1, `a reset at step ${step}: asked back ${asked} times`);
    await handle.release();
    await sleep(100, undefined, sim.clock);
    sim.check(
      client.zk.watchCount === 0,
      `a reset at step ${step}: ${client.zk.watchCount} watches stay behind`,
    );
  }
  await other.close();
});

/** It was asked back before it was held: the holder hears of it when it has the handle. */
export const revokedBeforeHeld = corner(async (sim, { zk }) => {
  const { zk: other } = await sim.connect('other');
  const first = await new Lock(other, PARENT).acquire();
  const heard: (LockHandle | undefined)[] = [];
  let handle: LockHandle | undefined;
  const acquiring = new Lock(zk, PARENT).acquire({ onRevoke: () => heard.push(handle) });
  await sleep(100, undefined, sim.clock);
  const waiter = childrenOf(sim).find((name) => joinPath(PARENT, name) !== first.path) ?? '';
  await other.set(joinPath(PARENT, waiter), REVOKE);
  await first.release();
  handle = await acquiring;
  await sleep(100, undefined, sim.clock);
  sim.check(heard.length === 1 && heard[0] === handle, `heard ${heard.length} times, or too early`);
  await handle.release();
  await other.close();
});
