import { runClients } from './testing/simulation/client-workload.ts';
import { runSeeds } from './testing/simulation/seeds.ts';

/** Two hundred seeds of what `simulation.spec.ts` runs a few of; `SIM_SEEDS=n` for more. */
/** `npm test` has run some already, without servers. */
const seeds = process.env['FAULTS'] === 'some' ? 1 : 200;

describe('ZooKeeper on a simulated ensemble, at length', () => {
  it('passes every seed', () => runSeeds(seeds, runClients), 600_000);
});
