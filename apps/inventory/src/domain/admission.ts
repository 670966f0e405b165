import type { Balance } from './apply.ts';

/** The verdict at the door. */
export type Verdict = 'admitted' | 'sold-out' | 'unknown-sku' | 'busy';

/** What the door sees of an SKU that has stock. */
export interface StockSight {
  readonly balance: Balance;
  /** How long commands of the SKU's partition waited to be applied, a moment ago, in milliseconds. */
  readonly waitMs: number;
}

/**
 * Whether an order has a chance, from a look at the stock that may be a moment old. It only saves the buyer the way through
 * the log: the decision is the partition's.
 */
export function admit(seen: StockSight | undefined, quantity: number, maxWaitMs: number): Verdict {
  if (!seen) return 'unknown-sku';
  if (seen.balance.available < quantity) return 'sold-out';
  return seen.waitMs > maxWaitMs ? 'busy' : 'admitted';
}
