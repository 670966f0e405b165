import { sleep } from '@flashmesh/core';
import { PersistentNode } from './persistent-node.ts';
import { type SimulatedClient, Simulation } from './testing/simulation/simulation.ts';

const PATH = '/node';
const LIMIT_MS = 20_000;

describe('PersistentNode, on a simulated ensemble', () => {
  const onEnsemble = async (work: (sim: Simulation, client: SimulatedClient) => Promise<void>) => {
    const sim = new Simulation({ seed: 1, sessionTimeoutMs: 2000 });
    const all = async () => {
      const client = await sim.connect('client');
      await work(sim, client);
      await client.zk.close();
    };
    await sim.run(all(), LIMIT_MS);
  };
  /** Breaks the connection when the client asks for something for the `nth` time, or when that was done. */
  const breakAt = (sim: Simulation, nth: number, when: 'asked' | 'applied') => {
    let count = 0;
    sim.ensemble.interfere = ({ link }, moment) => {
      if (moment === when && ++count === nth) link.reset();
    };
  };

  it('writes an update that comes as soon as it was started', () =>
    onEnsemble(async (sim, { zk }) => {
      const node = new PersistentNode(zk, PATH, 'one');
      await node.start();
      await node.update('two');
      await node.update('three');
      expect(sim.ensemble.tree.get(PATH)?.data.toString()).toBe('three');
      await node.withdraw();
    }));

  it.each([
    [1, 'asked'],
    [2, 'asked'],
    [3, 'asked'],
    [1, 'applied'],
  ] as const)('is gone after a withdrawal whose connection breaks (%d. %s)', (nth, when) =>
    onEnsemble(async (sim, { zk }) => {
      const node = new PersistentNode(zk, PATH, 'one');
      await node.start();
      breakAt(sim, nth, when);
      await node.withdraw();
      breakAt(sim, Infinity, when);
      expect(sim.ensemble.tree.get(PATH)).toBeUndefined();
      await node.update('two');
      await node.withdraw();
      await sleep(500, undefined, sim.clock);
      expect(sim.ensemble.tree.get(PATH)).toBeUndefined();
    }),
  );

  it('leaves the node of another alone', () =>
    onEnsemble(async (sim, { zk }) => {
      const { zk: other } = await sim.connect('other');
      const node = new PersistentNode(zk, PATH, 'one');
      await node.start();
      await new PersistentNode(other, PATH, 'two').start();
      await node.withdraw();
      expect(sim.ensemble.tree.get(PATH)?.data.toString()).toBe('two');
      await other.close();
    }));
});
