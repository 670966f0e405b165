import { type Clock, FlashmeshError, sleep } from '@flashmesh/core';
import { holdsInTime } from '@flashmesh/zookeeper/testing';
import type { Claim } from '../../item-queue.ts';
import { DelayQueue, Queue } from '../../queue.ts';
import { corner, PARENT } from './corner.ts';

const SOON_MS = 5000;

/** An item becomes due between two readings of the clock. */
export const dueBetweenTwoLooks = corner(async (sim, { zk }) => {
  const base = sim.clock.now();
  let readings = 0;
  const clock: Clock = {
    now: () => base + 10 * readings++,
    monotonic: () => sim.clock.monotonic(),
    after: (ms, callback) => sim.clock.after(ms, callback),
  };
  const queue = new DelayQueue(zk, PARENT, { clock });
  await queue.put('item', base + 5);
  const stop = new AbortController();
  let worked = 0;
  const consuming = queue.consume(() => Promise.resolve(void worked++), stop.signal);
  await holdsInTime(sim, 'the item is worked off', () => worked === 1, SOON_MS);
  stop.abort();
  await consuming;
});

/** The session of a consumer is lost over its work: it is told, cannot write under its claim, and another has the item. */
export const workWhoseClaimIsGone = corner(async (sim, { zk }) => {
  const { zk: other } = await sim.connect('other');
  await zk.create('/guarded', '');
  const stop = new AbortController();
  const claims: Claim[] = [];
  const told: boolean[] = [];
  const consume = (client: typeof zk) =>
    new Queue(client, PARENT).consume(async (_, signal, claim) => {
      const mine = claims.push(claim) - 1;
      await claim.guard([{ op: 'set', path: '/guarded', data: String(mine) }]);
      if (mine > 0) return;
      await sleep(SOON_MS, signal, sim.clock).catch(() => undefined);
      told.push(signal.aborted);
      // It takes its time to stop.
      await sleep(SOON_MS, undefined, sim.clock);
      const late = await claim.guard([{ op: 'set', path: '/guarded', data: 'late' }]).then(
        () => 'done',
        (error: unknown) => (error instanceof FlashmeshError ? error.code : String(error)),
      );
      sim.check(late === 'NOT_HELD', `a write of one whose claim is gone: ${late}`);
    }, stop.signal);
  await new Queue(other, PARENT).put('item');
  const first = consume(zk);
  await holdsInTime(sim, 'the first works', () => claims.length === 1, SOON_MS);
  const second = consume(other);
  const session = sim.ensemble.sessions.get(zk.sessionId);
  if (session) sim.ensemble.kill(session);
  await holdsInTime(sim, 'the first is told', () => told[0] === true, SOON_MS / 2);
  await holdsInTime(sim, 'the other works', () => claims.length === 2, SOON_MS / 2);
  const [before, after] = claims;
  sim.check((before?.token.czxid ?? 0n) < (after?.token.czxid ?? 0n), 'the later token is not larger');
  await sleep(2 * SOON_MS, undefined, sim.clock);
  sim.check(sim.ensemble.tree.get('/guarded')?.data.toString() === '1', 'the first wrote later');
  sim.check(sim.ensemble.tree.get(`${PARENT}/items`)?.children.size === 0, 'the item is still there');
  stop.abort();
  await Promise.all([first, second]);
  await other.close();
});
