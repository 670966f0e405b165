import { messageOf, sleep } from '@flashmesh/core';
import type { EchoResponse } from './echo.ts';

/** Calls that may be open at once: more than there are when all is well; two such loads are less than a server takes at its start. */
const MAX_PENDING = 25;
/** What a pause of the caller's own made it miss is caught up with in steps of this many, not as one burst that no caller sends. */
const MAX_STEP = 20;
const STEP_MS = 5;

/** What became of calls, and who answered how many. */
export class Outcomes {
  /** What callers were told, and why. */
  readonly failures: string[] = [];
  /** Answers by the process that gave them. */
  readonly answers = new Map<number, number>();
  /** What answered calls took, in milliseconds, and which process answered. */
  private readonly latencies: { readonly pid: number; readonly ms: number }[] = [];
  made = 0;

  /** How many the process answered. */
  from({ pid }: { readonly pid: number }): number {
    return this.answers.get(pid) ?? 0;
  }

  /** The latency that `share` of the answered calls did not exceed, in milliseconds. @param from only those of these processes. */
  quantileMs(share: number, from?: readonly { readonly pid: number }[]): number {
    const wanted = this.latencies.filter(({ pid }) => from?.some((process) => process.pid === pid) ?? true);
    const sorted = wanted.map(({ ms }) => ms).toSorted((a, b) => a - b);
    return sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? NaN;
  }

  /** Counts a call until it has ended. Never rejects. */
  async observe(call: () => Promise<EchoResponse>): Promise<void> {
    const startedMs = performance.now();
    this.made++;
    try {
      const { pid } = await call();
      this.latencies.push({ pid, ms: performance.now() - startedMs });
      this.answers.set(pid, (this.answers.get(pid) ?? 0) + 1);
    } catch (error) {
      const why = error instanceof Error && error.cause !== undefined ? ` (${messageOf(error.cause)})` : '';
      this.failures.push(`${messageOf(error)}${why}`);
    }
  }
}

/**
 * Makes calls at a steady rate, so many, or until a promise settles; and waits for their ends.
 *
 * @throws what the promise rejects with, when no call is open any more.
 */
export async function load(
  perSecond: number,
  call: () => Promise<EchoResponse>,
  until: Promise<unknown> | number,
): Promise<Outcomes> {
  const outcomes = new Outcomes();
  const pending = new Set<Promise<void>>();
  const startedMs = performance.now();
  let wanted = typeof until === 'number' ? until : Infinity;
  const over = () => void (wanted = 0);
  if (typeof until !== 'number') until.then(over, over);
  while (outcomes.made < wanted) {
    const due = Math.min(((performance.now() - startedMs) * perSecond) / 1000, wanted);
    for (let step = 0; step < MAX_STEP && outcomes.made < due && pending.size < MAX_PENDING; step++) {
      const ending: Promise<void> = outcomes.observe(call).finally(() => pending.delete(ending));
      pending.add(ending);
    }
    await sleep(STEP_MS);
  }
  await Promise.all(pending);
  await until;
  return outcomes;
}

/**
 * Makes calls until `count` processes have answered: connections are made one after the other.
 *
 * @throws Error when they have not within half a minute.
 */
export async function warmUp(count: number, call: () => Promise<EchoResponse>): Promise<void> {
  const seen = new Set<number>();
  const giveUpAt = performance.now() + 30_000;
  while (seen.size < count) {
    if (performance.now() > giveUpAt) throw new Error(`${seen.size} of ${count} processes have answered`);
    seen.add((await call()).pid);
  }
}
