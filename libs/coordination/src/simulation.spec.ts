import { runSeeds } from '@flashmesh/zookeeper/testing';
import type { Corner } from './testing/simulation/corner.ts';
import { corners } from './testing/simulation/corners.ts';
import { runRecipes } from './testing/simulation/recipes.ts';

describe('Recipes on a simulated ensemble', () => {
  it('keep their promises, leave no node and no watch behind, whatever breaks', () =>
    runSeeds(25, (seed) => runRecipes(seed)));

  it.each(Object.entries<Corner>(corners))('hold in a corner: %s', (_, corner) => corner());

  it('replay a seed: the same history', async () => {
    const [first, second] = [await runRecipes(3), await runRecipes(3)];
    expect(second.history.hash()).toBe(first.history.hash());
  });
});
