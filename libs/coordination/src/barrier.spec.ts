import { sleep } from '@flashmesh/core';
import { Simulation } from '@flashmesh/zookeeper/testing';
import { DoubleBarrier } from './barrier.ts';

const LIMIT_MS = 60_000;
const PATH = '/barrier';

describe('DoubleBarrier, simulated ensemble', () => {
  let sim: Simulation;

  beforeEach(() => {
    sim = new Simulation({ seed: 1, sessionTimeoutMs: 2000 });
  });

  it('makes its own node anew where one of an earlier session is left', () =>
    sim.run(
      (async () => {
        const { zk: crashed } = await sim.connect('before the crash');
        await crashed.mkdirp(PATH);
        await crashed.create(`${PATH}/a`, '', { mode: 'ephemeral' });
        const session = sim.ensemble.sessions.get(crashed.sessionId);
        crashed.destroy();
        const [{ zk: a }, { zk: b }] = await Promise.all([sim.connect('a'), sim.connect('b')]);
        const order: string[] = [];
        const entering = new DoubleBarrier(a, PATH, 'a', 2).enter().then(() => order.push('a is in'));
        while (session?.end === undefined) await sleep(10, undefined, sim.clock);
        order.push('the old session is over');
        await new DoubleBarrier(b, PATH, 'b', 2).enter();
        await entering;
        sim.check(sim.ensemble.tree.get(`${PATH}/a`)?.owner === a.sessionId, 'a has no node of its own');
        await Promise.all([a.close(), b.close()]);
        expect(order).toEqual(['the old session is over', 'a is in']);
      })(),
      LIMIT_MS,
    ));
});
