import { runClients } from './testing/simulation/client-workload.ts';
import { runSeeds } from './testing/simulation/seeds.ts';

/** `npm test` has run some seeds already, without servers. */
const short = process.env['FAULTS'] === 'some';

/** Two hundred seeds of what `simulation.spec.ts` runs a few of, others each time; `SIM_SEEDS=n` for more. */

describe('ZooKeeper on a simulated ensemble, at length', () => {
  it('passes every seed', () => runSeeds(short ? 1 : 200, runClients, { anywhere: !short }), 600_000);
});
