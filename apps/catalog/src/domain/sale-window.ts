import { catalog } from '@flashmesh/contracts';

/**
 * Whether orders are taken at `now` (milliseconds since the epoch): the sale's state is OPEN and its window
 * [opensAt, closesAt) holds `now`. Nobody writes anything when a window begins or ends; the clock decides, so a sale that
 * ran out stays in state OPEN.
 */
export function isOpen(sale: Pick<catalog.Sale, 'state' | 'opensAt' | 'closesAt'>, now: number): boolean {
  const { state, opensAt, closesAt } = sale;
  if (state !== catalog.SaleState.OPEN || !opensAt || !closesAt) return false;
  return opensAt.getTime() <= now && now < closesAt.getTime();
}
