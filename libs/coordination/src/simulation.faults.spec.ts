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

/** `npm test` has run some seeds already, without servers, and has the time for few mutants. */
const short = process.env['FAULTS'] === 'some';
const rules = Object.keys(mutants).slice(0, short ? 3 : undefined);

/** Two hundred seeds of what `simulation.spec.ts` runs a few of, others each time; `SIM_SEEDS=n` for more. */
describe('Recipes on a simulated ensemble, at length', () => {
  it(
    'pass every seed',
    () => runSeeds(short ? 1 : 200, (seed) => runRecipes(seed), { anywhere: !short }),
    900_000,
  );

  it.each(rules)(
    'are found out when this rule is off: %s',
    async (rule) => {
      const { stdout } = await run(process.execPath, ['--no-warnings', script, rule, MUTANT_SEEDS]);
      expect(stdout).toMatch(/^(clients|recipes|[a-zA-Z]+)(, seed \d+)?: /);
    },
    300_000,
  );
});
