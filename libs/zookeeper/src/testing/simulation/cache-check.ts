import type { SubtreeCache } from '../../subtree-cache.ts';
import type { Ledger } from './ledger.ts';
import type { SimulatedClient, Simulation } from './simulation.ts';

/** Checks each time what a cache shows: every node was committed like that, and none goes back to an earlier state. */
export function checkCommitted(
  sim: Simulation,
  ledger: Ledger,
  { name }: SimulatedClient,
): (cache: SubtreeCache) => void {
  let shown = new Map<string, bigint>();
  /** The incarnation of each path that was shown last. */
  const gone = new Map<string, bigint>();
  return (cache) => {
    const now = new Map<string, bigint>();
    for (const [path, { data, stat }] of cache.entries()) {
      now.set(path, stat.mzxid);
      const change = ledger.transaction(stat.mzxid)?.changes.find((each) => each.path === path);
      const committed = change && change.type !== 'delete' && change.data.equals(data);
      sim.check(committed === true, `the cache of ${name} shows ${path} as it never was`);
      sim.check(stat.mzxid >= (shown.get(path) ?? 0n), `the cache of ${name} goes back at ${path}`);
      sim.check(
        stat.czxid > (gone.get(path) ?? 0n),
        `the cache of ${name} shows ${path} again, which was gone`,
      );
    }
    for (const [path, mzxid] of shown) if (!now.has(path)) gone.set(path, mzxid);
    shown = now;
  };
}
