import type { Balance } from './apply.ts';

/** The verdict at the door. */
export type Verdict = 'admitted' | 'sold-out' | 'unknown-sku' | 'busy';

/** What the door sees of an SKU that has stock. */
export interface StockSight {
  readonly balance: Balance;
  /** Commands of the SKU's partition that waited to be applied a moment ago. */
  readonly backlog: number;
}

/**
 * Whether an order has a chance, from a look at the stock that may be a moment old. It only saves the buyer the way through
 * the log: the decision is the partition's.
 */
export function admit(seen: StockSight | undefined, quantity: number, maxBacklog: number): Verdict {
  if (!seen) return 'unknown-sku';
  if (seen.balance.available < quantity) return 'sold-out';
  return seen.backlog > maxBacklog ? 'busy' : 'admitted';
}
