import { messageOf, sleep } from '@flashmesh/core';
import { Simulation } from '@flashmesh/zookeeper/testing';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';
import { Barrier, DoubleBarrier, Lock, Queue, Semaphore } from './index.ts';

const LIMIT_MS = 60_000;

/** What waits on a watch for something that never comes. */
const waits: Record<string, (zk: ZooKeeper, never: AbortSignal) => Promise<unknown>> = {
  'for a lock': (zk) => new Lock(zk, '/lock').acquire(),
  'for a lease': (zk) => new Semaphore(zk, '/semaphore', 1).acquire(),
  'at a barrier': (zk) => new Barrier(zk, '/barrier').wait(),
  'for the members of a double barrier, counted': (zk) => new DoubleBarrier(zk, '/double', 'a', 2).enter(),
  'for the members of a double barrier, by name': (zk) =>
    new DoubleBarrier(zk, '/double', 'a', ['a', 'b']).enter(),
  'for an item': (zk, never) => new Queue(zk, '/queue').consume(() => Promise.resolve(), never),
};

describe('Who waits on a watch, simulated ensemble', () => {
  const ends = ['close', 'destroy'] as const;

  it.each(Object.entries(waits).flatMap(([name, wait]) => ends.map((end) => ({ name, wait, end }))))(
    'hears of $end: $name',
    async ({ name, wait, end }) => {
      const sim = new Simulation({ seed: 1, sessionTimeoutMs: 2000 });
      const work = async () => {
        const { zk: other } = await sim.connect('other');
        await other.mkdirp('/barrier');
        await new Lock(other, '/lock').acquire();
        await new Semaphore(other, '/semaphore', 1).acquire();

        const { zk, process } = await sim.connect('waiting');
        const waiting = wait(zk, new AbortController().signal);
        waiting.catch(() => undefined);
        // Until every reply is there.
        await sleep(1000, undefined, sim.clock);
        sim.check(zk.watchCount > 0, 'it does not wait');
        await zk[end]();
        const outcome = await waiting.catch((error: unknown) => error);
        // A consumer is content: there is nothing more to work off.
        const content = name === 'for an item' && outcome === undefined;
        sim.check(content || isZooKeeperError(outcome, 'ZK_CLOSED'), `it ended with ${messageOf(outcome)}`);
        sim.check(zk.watchCount === 0, 'a watch is left');
        sim.check(process.pendingTimers === 0, 'a timer is left');
        await other.close();
      };
      await sim.run(work(), LIMIT_MS);
    },
  );
});
