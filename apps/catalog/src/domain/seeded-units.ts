import { catalog } from '@flashmesh/contracts';

/**
 * Units of an SKU that must have arrived at least before `opening` may open: its own seed, and that of every sale that
 * opened before. Sales in preparation do not count, as nobody knows whether their seed was sent.
 */
export function seededUnits(sales: readonly catalog.Sale[], opening: catalog.Sale, sku: string): number {
  return sales
    .filter(({ id, state }) => id === opening.id || state !== catalog.SaleState.PREPARING)
    .flatMap(({ items }) => items)
    .filter((item) => item.sku === sku)
    .reduce((units, { stock }) => units + stock, 0);
}
