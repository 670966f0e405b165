import { runClients } from './testing/simulation/client-workload.ts';
import { runSeeds } from './testing/simulation/seeds.ts';

/** Two hundred seeds of what `simulation.spec.ts` runs a few of; `SIM_SEEDS=n` for more. */
describe('ZooKeeper on a simulated ensemble, at length', () => {
  it('passes every seed', () => runSeeds(200, runClients), 600_000);
});
