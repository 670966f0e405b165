import { randomInt } from 'node:crypto';
import { requirePositiveInteger } from '@flashmesh/core';

const MAX_FIRST = 2 ** 31;

/**
 * Runs one seed after the other and stops at the first that fails: those from 1 to `count`, or as the environment says: `SIM_SEED` is
 * the only one, `SIM_SEEDS` how many, `SIM_FROM` the first.
 *
 * @param o.anywhere draw the first at random, and say which: other seeds each time.
 */
export async function runSeeds(
  count: number,
  run: (seed: number) => Promise<unknown>,
  { anywhere = false }: { readonly anywhere?: boolean } = {},
): Promise<void> {
  const only = process.env['SIM_SEED'];
  const drawn = anywhere ? randomInt(1, MAX_FIRST) : 1;
  const first = Number(only ?? process.env['SIM_FROM'] ?? drawn);
  const many =
    only === undefined ? requirePositiveInteger('SIM_SEEDS', Number(process.env['SIM_SEEDS'] ?? count)) : 1;
  if (anywhere) process.stderr.write(`${many} seeds: again with SIM_FROM=${first} SIM_SEEDS=${many}\n`);
  for (let seed = first; seed < first + many; seed++) await run(seed);
}
