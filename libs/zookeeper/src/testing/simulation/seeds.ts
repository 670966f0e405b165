import { requirePositiveInteger } from '@flashmesh/core';

/**
 * Runs one seed after the other and stops at the first that fails: those from 1 to `count`, or as the environment says: `SIM_SEED` is
 * the only one, `SIM_SEEDS` how many, `SIM_FROM` the first.
 */
export async function runSeeds(count: number, run: (seed: number) => Promise<unknown>): Promise<void> {
  const only = process.env['SIM_SEED'];
  const first = Number(only ?? process.env['SIM_FROM'] ?? 1);
  const many = requirePositiveInteger('SIM_SEEDS', Number(process.env['SIM_SEEDS'] ?? count));
  for (let seed = first; seed < first + (only === undefined ? many : 1); seed++) await run(seed);
}
