import { runClients } from './testing/simulation/client-workload.ts';
import { runSeeds } from './testing/simulation/seeds.ts';

describe('ZooKeeper on a simulated ensemble', () => {
  it('keeps what it acknowledges, misses no event and shows no tree that never was, whatever breaks', () =>
    runSeeds(25, runClients));

  it('replays a seed: the same history', async () => {
    const [first, second] = [await runClients(7), await runClients(7)];
    expect(second.history.hash()).toBe(first.history.hash());
    expect(first.history.length).toBeGreaterThan(1000);
    expect((await runClients(8)).history.hash()).not.toBe(first.history.hash());
  });
});
