import { Simulation, type SimulatedClient } from '@flashmesh/zookeeper/testing';

const LIMIT_MS = 60_000;
/** The node that corners use. */
export const PARENT = '/line';

/** A corner of a recipe by itself, on an ensemble where nothing else goes wrong. @throws Error when it does not hold. */
export type Corner = () => Promise<void>;

export function corner(work: (sim: Simulation, client: SimulatedClient) => Promise<void>): Corner {
  return async () => {
    const sim = new Simulation({ seed: 1, sessionTimeoutMs: 2000 });
    const all = async () => {
      const client = await sim.connect('client');
      await client.zk.create(PARENT, '');
      await work(sim, client);
      await client.zk.close();
    };
    await sim.run(all(), LIMIT_MS);
  };
}

export function childrenOf(sim: Simulation, path = PARENT): string[] {
  return [...(sim.ensemble.tree.get(path)?.children ?? [])];
}

/** Breaks the connection of the client once, when its `nth` request from now on arrives, or was applied; the session lives on. */
export function resetAt(
  sim: Simulation,
  { zk }: SimulatedClient,
  nth: number,
  when: 'asked' | 'applied' = 'asked',
): void {
  const { sessionId } = zk;
  let count = 0;
  sim.ensemble.interfere = ({ session, link }, moment) => {
    if (session?.id === sessionId && moment === when && ++count === nth) link.reset();
  };
}
