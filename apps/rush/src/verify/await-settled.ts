import { type Clock, sleep, systemClock } from '@flashmesh/core';

/** What decides whether another look is worth it. */
export interface Settling {
  readonly ok: boolean;
  /** Orders that have not ended. */
  readonly open: number;
  readonly records: Readonly<Record<string, number>>;
  readonly duplicates: Readonly<Record<string, number>>;
}

const MIN_PAUSE_MS = 1000;

/**
 * Looks until all is well, or until nothing can get better: every order has ended, the log has not grown between two looks,
 * and still a rule is broken. While orders are open it looks on until none has ended for `waitMs`. Returns the last look.
 */
export async function awaitSettled<T extends Settling>(
  look: () => Promise<T>,
  waitMs: number,
  clock: Clock = systemClock,
): Promise<T> {
  let deadline = clock.monotonic() + waitMs;
  let fewestOpen = Number.POSITIVE_INFINITY;
  let before: T | undefined;
  for (;;) {
    const startedAt = clock.monotonic();
    const seen = await look();
    if (seen.open < fewestOpen) {
      fewestOpen = seen.open;
      deadline = clock.monotonic() + waitMs;
    }
    const quiet = before !== undefined && lengthOf(before) === lengthOf(seen);
    if (seen.ok || (quiet && seen.open === 0) || clock.monotonic() >= deadline) return seen;
    before = seen;
    // A look reads the whole log: half of the time at most belongs to looking, the rest to those who finish the orders.
    const pauseMs = Math.max(MIN_PAUSE_MS, clock.monotonic() - startedAt);
    await sleep(Math.min(pauseMs, Math.max(deadline - clock.monotonic(), 1)), undefined, clock);
  }
}

/** Records in the log, duplicates too. */
function lengthOf({ records, duplicates }: Settling): number {
  return [...Object.values(records), ...Object.values(duplicates)].reduce((all, count) => all + count, 0);
}
