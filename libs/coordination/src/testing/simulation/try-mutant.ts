/**
 * `node try-mutant.ts <rule> <seeds>`: runs the corners and that many seeds with a rule switched off in the source, until one fails.
 * Ends with 0 and the first line of the failure when one did, with 1 when the mutant lives.
 */
import { registerHooks } from 'node:module';
import { messageOf } from '@flashmesh/core';
import { type Mutant, type MutantName, mutants } from './mutants.ts';

const [name = '', seeds = '1'] = process.argv.slice(2);
const mutant: Mutant = mutants[name as MutantName];
let applied = false;
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/libs/${mutant.file}`)) return loaded;
    const parts = Buffer.from(loaded.source as Uint8Array)
      .toString()
      .split(mutant.from);
    if (parts.length !== 2) throw new Error(`${mutant.file} has "${mutant.from}" ${parts.length - 1} times`);
    applied = true;
    return { ...loaded, source: parts.join(mutant.to) };
  },
});

// Loaded after the hook stands.
const { runClients } = await import('@flashmesh/zookeeper/testing');
const { corners } = await import('./corners.ts');
const { runRecipes } = await import('./recipes.ts');
if (!applied) throw new Error(`${mutant.file} was not loaded`);

const caught = await firstFailure();
process.stdout.write(`${caught ?? 'lives'}\n`);
process.exit(caught === undefined ? 1 : 0);

async function firstFailure(): Promise<string | undefined> {
  const runs: [string, () => Promise<unknown>][] = Object.entries(corners);
  for (let seed = 1; seed <= Number(seeds); seed++) {
    runs.push(
      [`clients, seed ${seed}`, () => runClients(seed)],
      [`recipes, seed ${seed}`, () => runRecipes(seed)],
    );
  }
  for (const [what, run] of runs) {
    try {
      await run();
    } catch (error) {
      return `${what}: ${messageOf(error).split('\n')[0]}`;
    }
  }
  return undefined;
}
