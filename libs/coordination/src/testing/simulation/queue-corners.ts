import { type Clock, FlashmeshError, sleep } from '@flashmesh/core';
import { isZooKeeperError } from '@flashmesh/zookeeper';
import { holdsInTime } from '@flashmesh/zookeeper/testing';
import type { Claim } from '../../item-queue.ts';
import { DelayQueue, Queue } from '../../queue.ts';
import { childrenOf, corner, PARENT, resetAt } from './corner.ts';

const SOON_MS = 5000;
/** More than a put asks for. */
const STEPS = 8;

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

/** Wherever the connection breaks over a put, the item comes once, though it was worked off before that is looked at. */
export const putOverAReset = corner(async (sim, client) => {
  const { zk: other } = await sim.connect('other');
  const stop = new AbortController();
  const worked: string[] = [];
  const consuming = new Queue(other, PARENT).consume(async (data) => {
    worked.push(data.toString());
  }, stop.signal);
  const expected: string[] = [];
  for (const when of ['asked', 'applied'] as const) {
    for (let step = 1; step <= STEPS; step++) {
      const item = `${when} ${step}`;
      resetAt(sim, client, step, when);
      const code = await new Queue(client.zk, PARENT).put(item).then(
        () => undefined,
        (error: unknown) => (isZooKeeperError(error) ? error.code : String(error)),
      );
      resetAt(sim, client, Infinity);
      if (code === undefined) expected.push(item);
      // Only what comes before it can fail: there is no item then.
      else sim.check(code === 'ZK_CONNECTION_LOSS', `${item}: ${code}`);
      await client.zk.connected();
    }
  }
  await sleep(SOON_MS, undefined, sim.clock);
  sim.check(worked.join() === expected.join(), `worked on ${worked.join()}, put were ${expected.join()}`);
  sim.check(expected.length > STEPS, `only ${expected.length} were put`);
  sim.check(childrenOf(sim, `${PARENT}/puts`).length === 0, 'a marker stays behind');
  stop.abort();
  await consuming;
  await other.close();
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
