import { sleep } from '@flashmesh/core';
import { holdsInTime, Simulation } from '@flashmesh/zookeeper/testing';
import { Semaphore } from './semaphore.ts';
import { inSequence } from './sequence.ts';
import { away, codeOf, LIMIT_MS, SESSION_MS } from './testing/simulation/away.ts';

const PATH = '/semaphore';

let sim: Simulation;

beforeEach(() => {
  sim = new Simulation({ seed: 1, sessionTimeoutMs: SESSION_MS });
});

describe('Semaphore, simulated ensemble', () => {
  it('gives several leases, or none, when it has one try', async () => {
    const work = async () => {
      const { zk } = await sim.connect('client');
      const semaphore = new Semaphore(zk, PATH, 3);
      const [lease] = await semaphore.acquireMany(2, { timeoutMs: 0 });
      expect(await codeOf(semaphore.acquireMany(2, { timeoutMs: 0 }))).toBe('LEASE_TIMEOUT');
      expect(await semaphore.participants()).toHaveLength(2);
      await lease?.release();
      await semaphore.acquireMany(2, { timeoutMs: 0 });
      await zk.close();
    };
    await sim.run(work(), LIMIT_MS);
  });

  it('gives no lease that was lost while another was waited for', async () => {
    const work = async () => {
      const [{ zk }, { zk: other }] = await Promise.all([sim.connect('client'), sim.connect('other')]);
      const blocking = await new Semaphore(other, PATH, 2).acquire();
      const asking = new Semaphore(zk, PATH, 2).acquireMany(2);
      const path = `${PATH}/leases`;
      const ofClient = async () =>
        (await other.children(path)).filter((name) => !blocking.path.endsWith(name));
      await holdsInTime(sim, 'it waits for its second', async () => (await ofClient()).length === 2, 1000);
      const [first] = inSequence(await ofClient());
      await other.delete(`${path}/${first}`);
      await blocking.release();
      const both = await asking;
      expect(both.map((lease) => lease.isHeld())).toEqual([true, true]);
      expect(await other.children(path)).toHaveLength(2);
      await Promise.all([zk.close(), other.close()]);
    };
    await sim.run(work(), LIMIT_MS);
  });
});

describe('Semaphore, simulated ensemble, while ZooKeeper is away', () => {
  const leases = () => sim.ensemble.tree.get(`${PATH}/leases`)?.children.size ?? 0;
  const doors = () => sim.ensemble.tree.get(`${PATH}/locks`)?.children.size ?? 0;

  it.each([
    { count: 1, maxLeases: 1 },
    { count: 2, maxLeases: 2 },
  ])('keeps the deadline of who waits for $count of $maxLeases leases', async ({ count, maxLeases }) => {
    const work = async () => {
      const [{ zk: holder }, { zk }] = await Promise.all([sim.connect('holder'), sim.connect('waiting')]);
      await new Semaphore(holder, PATH, maxLeases).acquire();
      const order: string[] = [];
      zk.onState(({ name }) => order.push(name));
      const semaphore = new Semaphore(zk, PATH, maxLeases);
      const o = { timeoutMs: SESSION_MS / 2 };
      const asking = count === 1 ? semaphore.acquire(o) : semaphore.acquireMany(count, o);
      const over = codeOf(asking).then((code) => order.push(code));
      await holdsInTime(sim, 'it waits for its last lease', () => leases() === count + 1, 500);
      const back = away(sim);
      await over;
      await holdsInTime(sim, 'the session is given up', () => order.includes('lost'), SESSION_MS * 2);
      expect(order).toEqual(['suspended', 'LEASE_TIMEOUT', 'lost']);
      back();
      await Promise.all([holder.connected(), zk.connected()]);
      await Promise.all([holder.close(), zk.close()]);
    };
    await sim.run(work(), LIMIT_MS);
  });

  it('keeps the deadline of who does not know whether its lease was made, and leaves none', async () => {
    const work = async () => {
      const [{ zk: holder }, { zk }] = await Promise.all([sim.connect('holder'), sim.connect('waiting')]);
      await new Semaphore(holder, PATH, 1).acquire();
      let back: (() => void) | undefined;
      sim.ensemble.interfere = (_, moment) => {
        if (!back && moment === 'applied' && leases() === 2) back = away(sim);
      };
      const asking = codeOf(new Semaphore(zk, PATH, 1).acquire({ timeoutMs: SESSION_MS / 2 }));
      expect(await asking).toBe('LEASE_TIMEOUT');
      sim.check(leases() === 2, 'its lease was not made');
      back?.();
      await zk.connected();
      await holdsInTime(sim, 'only the holder is left', () => leases() === 1 && doors() === 0, SESSION_MS);
      sim.check(zk.state.name === 'connected', 'the lease went with its session');
      await sleep(SESSION_MS, undefined, sim.clock);
      sim.check(leases() === 1, 'the holder is not there any more');
      await Promise.all([holder.close(), zk.close()]);
    };
    await sim.run(work(), LIMIT_MS);
  });
});
