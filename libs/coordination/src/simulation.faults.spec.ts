import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { runSeeds } from '@flashmesh/zookeeper/testing';
import { mutants } from './testing/simulation/mutants.ts';
import { runRecipes } from './testing/simulation/recipes.ts';

const run = promisify(execFile);
const script = join(import.meta.dirname, 'testing/simulation/try-mutant.ts');
/** Within so many seeds each mutant is caught, with room to spare. */
const MUTANT_SEEDS = '200';

/** Two hundred seeds of what `simulation.spec.ts` runs a few of; `SIM_SEEDS=n` for more. */
describe('Recipes on a simulated ensemble, at length', () => {
  it('pass every seed', () => runSeeds(200, (seed) => runRecipes(seed)), 900_000);

  it.each(Object.keys(mutants))(
    'are found out when this rule is off: %s',
    async (rule) => {
      const { stdout } = await run(process.execPath, ['--no-warnings', script, rule, MUTANT_SEEDS]);
      expect(stdout).toMatch(/^(clients|recipes|[a-zA-Z]+)(, seed \d+)?: /);
    },
    300_000,
  );
});
