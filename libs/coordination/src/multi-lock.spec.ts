import { sleep } from '@flashmesh/core';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { holdsInTime, Simulation } from '@flashmesh/zookeeper/testing';
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

  it('takes all anew when one was lost while another was waited for', () =>
    run(async (zk, other) => {
      const second = await new Lock(other, '/two').acquire();
      const asking = new MultiLock(locks(zk)).acquire();
      const waiting = new Lock(other, '/two');
      await holdsInTime(sim, 'it waits', async () => (await waiting.participants()).length === 2, 1000);
      const [first] = await new Lock(other, '/one').participants();
      await other.delete(`/one/${first}`);
      await second.release();
      const both = await asking;
      expect(both.isHeld()).toBe(true);
      expect(both.tokens).toEqual(both.holdings.map(({ token }) => token));
      expect(await new Lock(other, '/one').participants()).toHaveLength(1);
      expect(await new Lock(other, '/two').participants()).toHaveLength(1);
    }));

  it('guards writes with every lock', () =>
    run(async (zk, other) => {
      await other.create('/guarded', '');
      const both = await new MultiLock(locks(zk)).acquire();
      const write = (version: number) =>
        both.guard([
          { op: 'set', path: '/guarded', data: 'mine', version },
          { op: 'check', path: '/one' },
        ]);
      expect(await write(0)).toEqual([expect.objectContaining({ version: 1 }), undefined]);
      await expect(write(7)).rejects.toMatchObject({ code: 'ZK_BAD_VERSION', index: 0 });

      // Somebody takes the node of the second away, which its holder hears of too late.
      const { connection } = sim.ensemble.sessions.get(zk.sessionId) ?? {};
      connection?.link.silence({ toServer: false, toClient: true });
      await other.delete(both.holdings[1]?.path as string);
      expect(both.isHeld()).toBe(true);
      const refused = codeOf(write(1));
      await sleep(100, undefined, sim.clock);
      connection?.link.heal();
      expect(await refused).toBe('NOT_HELD');
      expect((await other.exists('/guarded'))?.version).toBe(1);
    }));
});
