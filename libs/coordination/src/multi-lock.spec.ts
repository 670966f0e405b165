import type { ZooKeeper } from '@flashmesh/zookeeper';
import { Simulation } from '@flashmesh/zookeeper/testing';
import { Lock } from './lock.ts';
import { MultiLock } from './multi-lock.ts';
import { codeOf, LIMIT_MS, SESSION_MS } from './testing/simulation/away.ts';

describe('MultiLock, simulated ensemble', () => {
  let sim: Simulation;
  const locks = (zk: ZooKeeper) => [new Lock(zk, '/one'), new Lock(zk, '/two')];
  const run = async (work: (zk: ZooKeeper, other: ZooKeeper) => Promise<void>) => {
    const all = async () => {
      const [{ zk }, { zk: other }] = await Promise.all([sim.connect('client'), sim.connect('other')]);
      await work(zk, other);
      await Promise.all([zk.close(), other.close()]);
    };
    await sim.run(all(), LIMIT_MS);
  };

  beforeEach(() => {
    sim = new Simulation({ seed: 1, sessionTimeoutMs: SESSION_MS });
  });

  it('takes all, or none, when it has one try', () =>
    run(async (zk, other) => {
      const both = await new MultiLock(locks(zk)).acquire({ timeoutMs: 0 });
      await both.release();
      const second = await new Lock(other, '/two').acquire();
      // The real time that one try takes is nobody's business: it is not measured.
      expect(await codeOf(new MultiLock(locks(zk)).acquire({ timeoutMs: 0 }))).toBe('LOCK_TIMEOUT');
      expect(await new Lock(zk, '/one').participants()).toEqual([]);
      await second.release();
    }));
});
