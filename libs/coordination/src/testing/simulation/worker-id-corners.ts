import { sleep } from '@flashmesh/core';
import { isZooKeeperError } from '@flashmesh/zookeeper';
import { holdsInTime } from '@flashmesh/zookeeper/testing';
import { claimWorkerId, type WorkerId } from '../../worker-id.ts';
import { childrenOf, corner, PARENT, resetAt } from './corner.ts';

/** More than a claim asks for. */
const STEPS = 10;

/** Wherever the connection breaks on the way to a number, it is the smallest free one, or none is taken. */
export const workerIdOverAReset = corner(async (sim, client) => {
  let claimed = 0;
  for (const when of ['asked', 'applied'] as const) {
    for (let step = 1; step <= STEPS; step++) {
      const name = `a reset at step ${step} (${when})`;
      resetAt(sim, client, step, when);
      let held: WorkerId | undefined;
      try {
        held = await claimWorkerId(client.zk, PARENT, 'worker', 3);
      } catch (error) {
        sim.check(isZooKeeperError(error, 'ZK_CONNECTION_LOSS'), `${name}: ${String(error)}`);
      }
      resetAt(sim, client, Infinity);
      if (held) claimed++;
      sim.check(held === undefined || (held.id === 0 && held.isHeld()), `${name}: ${held?.id} is held`);
      const expected = held ? '0' : '';
      sim.check(childrenOf(sim).join() === expected, `${name}: ${childrenOf(sim).join()} are taken`);
      await held?.release();
      await client.zk.connected();
    }
  }
  sim.check(claimed > STEPS, `only ${claimed} claims were successful`);
});

/** A number was given back and the reply lost; somebody has it before that is tried again, in another session or in the same. */
export const workerIdTakenOver = corner(async (sim, client) => {
  const { zk: other } = await sim.connect('other');
  for (const next of [other, client.zk]) {
    const first = await claimWorkerId(client.zk, PARENT, 'first', 1);
    resetAt(sim, client, 1, 'applied');
    const releasing = first.release();
    await holdsInTime(sim, 'the number is free', () => childrenOf(sim).length === 0, 1000);
    await next.connected();
    const second = await claimWorkerId(next, PARENT, 'second', 1);
    await releasing;
    await sleep(500, undefined, sim.clock);
    sim.check(second.isHeld() && childrenOf(sim).length === 1, 'the number was taken away from the second');
    await second.release();
  }
  await other.close();
});

/** A claim that is given up while its reply is outstanding takes no number. */
export const workerIdGivenUp = corner(async (sim, { zk }) => {
  const link = sim.ensemble.sessions.get(zk.sessionId)?.connection?.link;
  const giveUp = new AbortController();
  sim.ensemble.interfere = (_, moment) => {
    if (moment !== 'applied') return;
    link?.silence({ toServer: false, toClient: true });
    giveUp.abort();
  };
  const outcome = await claimWorkerId(zk, PARENT, 'worker', 3, giveUp.signal).then(
    () => 'claimed',
    () => 'given up',
  );
  sim.ensemble.interfere = () => undefined;
  sim.check(outcome === 'given up', 'it was claimed');
  link?.heal();
  await sleep(1000, undefined, sim.clock);
  sim.check(childrenOf(sim).length === 0, `${childrenOf(sim).join()} are taken`);
});
