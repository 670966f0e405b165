import { catalog } from '@flashmesh/contracts';
import { FlashmeshError, invalidArgument } from '@flashmesh/core';

/**
 * The item of the sale that an order may be placed on at this moment.
 *
 * @throws FlashmeshError `not_found` (`SKU_NOT_IN_SALE`), `invalid_argument` (quantity above the buyer's limit),
 *   `failed_precondition` (`SALE_NOT_OPEN`).
 */
export function orderableItem(
  sale: catalog.Sale,
  sku: string,
  quantity: number,
  nowMs: number,
): catalog.SaleItem {
  const item = sale.items.find((candidate) => candidate.sku === sku);
  if (!item) {
    throw new FlashmeshError('not_found', 'SKU_NOT_IN_SALE', `sale ${sale.id} does not sell ${sku}`, {
      field: 'sku',
    });
  }
  if (quantity > item.limitPerBuyer) {
    throw invalidArgument('quantity', `must not exceed ${item.limitPerBuyer}, the limit per buyer`);
  }
  if (!isOpen(sale, nowMs)) {
    throw new FlashmeshError('failed_precondition', 'SALE_NOT_OPEN', `sale ${sale.id} is not open`);
  }
  return item;
}

/** Whether the doors are open: the state says so and the moment is inside [opensAt, closesAt). */
function isOpen(sale: catalog.Sale, nowMs: number): boolean {
  return (
    sale.state === catalog.SaleState.OPEN &&
    sale.opensAt !== undefined &&
    sale.closesAt !== undefined &&
    sale.opensAt.getTime() <= nowMs &&
    nowMs < sale.closesAt.getTime()
  );
}
