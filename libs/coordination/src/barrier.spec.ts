import { sleep } from '@flashmesh/core';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { holdsInTime, Simulation } from '@flashmesh/zookeeper/testing';
import { Barrier, DoubleBarrier } from './barrier.ts';
import { away, codeOf, LIMIT_MS, SESSION_MS } from './testing/simulation/away.ts';

const PATH = '/barrier';

let sim: Simulation;
let order: string[];

/** A client whose states are noted in `order`. */
async function connect(name: string): Promise<ZooKeeper> {
  const { zk } = await sim.connect(name);
  zk.onState((state) => order.push(state.name));
  return zk;
}

function linkOf(zk: ZooKeeper) {
  const link = sim.ensemble.sessions.get(zk.sessionId)?.connection?.link;
  if (!link) throw new Error('the client has no connection');
  return link;
}

beforeEach(() => {
  sim = new Simulation({ seed: 1, sessionTimeoutMs: SESSION_MS });
  order = [];
});

describe('Barrier, simulated ensemble', () => {
  it('waits on when the connection breaks at the first look', async () => {
    const work = async () => {
      const zk = await connect('client');
      const barrier = new Barrier(zk, PATH);
      await barrier.set();
      sim.ensemble.interfere = ({ link }, moment) => {
        if (moment === 'asked') link.reset();
        sim.ensemble.interfere = () => undefined;
      };
      const waiting = barrier.wait();
      await sleep(1000, undefined, sim.clock);
      expect(order).toEqual(['suspended', 'connected']);
      await barrier.lift();
      await waiting;
      await zk.close();
    };
    await sim.run(work(), LIMIT_MS);
  });

  it('looks once when it has no time', async () => {
    const work = async () => {
      const zk = await connect('client');
      const barrier = new Barrier(zk, PATH);
      await barrier.wait({ timeoutMs: 0 });
      await barrier.set();
      expect(await codeOf(barrier.wait({ timeoutMs: 0 }))).toBe('BARRIER_TIMEOUT');
      expect(zk.watchCount).toBe(0);
      await zk.close();
    };
    await sim.run(work(), LIMIT_MS);
  });
});

describe('DoubleBarrier, simulated ensemble', () => {
  it('makes its own node anew where one of an earlier session is left', async () => {
    const work = async () => {
      const { zk: crashed } = await sim.connect('before the crash');
      await crashed.mkdirp(PATH);
      await crashed.create(`${PATH}/a`, '', { mode: 'ephemeral' });
      const session = sim.ensemble.sessions.get(crashed.sessionId);
      crashed.destroy();
      const [{ zk: a }, { zk: b }] = await Promise.all([sim.connect('a'), sim.connect('b')]);
      const entering = new DoubleBarrier(a, PATH, 'a', 2).enter().then(() => order.push('a is in'));
      const isOver = () => session?.end !== undefined;
      while (!isOver()) await sleep(10, undefined, sim.clock);
      order.push('the old session is over');
      await new DoubleBarrier(b, PATH, 'b', 2).enter();
      await entering;
      sim.check(sim.ensemble.tree.get(`${PATH}/a`)?.owner === a.sessionId, 'a has no node of its own');
      await Promise.all([a.close(), b.close()]);
      expect(order).toEqual(['the old session is over', 'a is in']);
    };
    await sim.run(work(), LIMIT_MS);
  });

  it.each([
    {
      when: 'the session is in doubt',
      timeoutMs: SESSION_MS / 2,
      expected: ['suspended', 'BARRIER_TIMEOUT', 'lost'],
    },
    {
      when: 'the session is lost',
      timeoutMs: SESSION_MS * 2,
      expected: ['suspended', 'lost', 'BARRIER_TIMEOUT'],
    },
  ])('keeps the deadline of an entry while ZooKeeper is away: $when', async ({ timeoutMs, expected }) => {
    const work = async () => {
      const zk = await connect('a');
      const entering = new DoubleBarrier(zk, PATH, 'a', 2).enter({ timeoutMs });
      const over = codeOf(entering).then((code) => order.push(code));
      await sleep(100, undefined, sim.clock);
      const back = away(sim);
      await over;
      await holdsInTime(sim, 'the session is given up', () => order.includes('lost'), SESSION_MS * 2);
      expect(order).toEqual(expected);
      back();
      await zk.connected();
      await zk.close();
    };
    await sim.run(work(), LIMIT_MS);
  });

  it('keeps the deadline of a leave while ZooKeeper is away', async () => {
    const work = async () => {
      const zk = await connect('a');
      const barrier = new DoubleBarrier(zk, PATH, 'a', 1);
      await barrier.enter();
      const back = away(sim);
      order.push(await codeOf(barrier.leave({ timeoutMs: SESSION_MS / 2 })));
      expect(order).toEqual(['suspended', 'BARRIER_TIMEOUT']);
      back();
      await holdsInTime(sim, 'it has left', () => !sim.ensemble.tree.get(`${PATH}/a`), SESSION_MS);
      await zk.close();
    };
    await sim.run(work(), LIMIT_MS);
  });

  it.each([2, ['a', 'b']])('tries once when it has no time, for %j', async (members) => {
    const work = async () => {
      const [a, b] = await Promise.all([connect('a'), connect('b')]);
      const [first, second] = [
        new DoubleBarrier(a, PATH, 'a', members),
        new DoubleBarrier(b, PATH, 'b', members),
      ];
      expect(await codeOf(first.enter({ timeoutMs: 0 }))).toBe('BARRIER_TIMEOUT');
      sim.check(!sim.ensemble.tree.get(`${PATH}/a`), 'it did not leave');
      const entering = first.enter();
      await sleep(500, undefined, sim.clock);
      await second.enter({ timeoutMs: 0 });
      await entering;
      expect(await codeOf(first.leave({ timeoutMs: 0 }))).toBe('BARRIER_TIMEOUT');
      await second.leave({ timeoutMs: 0 });
      await Promise.all([a.close(), b.close()]);
    };
    await sim.run(work(), LIMIT_MS);
  });

  it('stays in when it enters again while it still leaves', async () => {
    const work = async () => {
      const [a, b] = await Promise.all([connect('a'), sim.connect('b')]);
      const first = new AbortController();
      const entering = codeOf(new DoubleBarrier(a, PATH, 'a', 2).enter({ signal: first.signal }));
      await sleep(100, undefined, sim.clock);
      // Its delete gets no further than the connection, which breaks.
      linkOf(a).silence({ toServer: true, toClient: true });
      first.abort();
      await sleep(100, undefined, sim.clock);
      linkOf(a).reset();
      expect(await entering).toBe('CANCELLED');
      const again = new DoubleBarrier(a, PATH, 'a', 2).enter();
      await sleep(SESSION_MS / 2, undefined, sim.clock);
      sim.check(sim.ensemble.tree.get(`${PATH}/a`) !== undefined, 'it is not in any more');
      await new DoubleBarrier(b.zk, PATH, 'b', 2).enter();
      await again;
      await Promise.all([a.close(), b.zk.close()]);
    };
    await sim.run(work(), LIMIT_MS);
  });
});
