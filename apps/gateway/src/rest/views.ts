import { catalog, type inventory, order } from '@flashmesh/contracts';
import { FlashmeshError } from '@flashmesh/core';
import type { OrderView, SaleView, StockView } from './schemas.ts';

const STATES = namesOf(order.OrderState, 'ORDER_STATE_') as ReadonlyMap<string, OrderView['state']>;
const REASONS = namesOf(order.OrderReason, 'ORDER_REASON_') as ReadonlyMap<string, OrderView['reason']>;
const SALE_STATES = namesOf(catalog.SaleState, 'SALE_STATE_') as ReadonlyMap<string, SaleView['state']>;

/** The order as its buyer sees it; the payment method and what only the services need stay inside. */
export function viewOrder(order: order.Order): OrderView {
  const state = STATES.get(order.state);
  if (!state) {
    throw new FlashmeshError('internal', 'ORDER_STATE_UNKNOWN', `order ${order.id} is ${order.state}`);
  }
  return {
    id: order.id,
    buyerId: order.buyerId,
    saleId: order.saleId,
    sku: order.sku,
    quantity: order.quantity,
    unitPrice: order.unitPrice,
    amount: order.amount,
    currency: order.currency,
    state,
    reason: REASONS.get(order.reason),
    placedAt: order.placedAt?.toISOString(),
    updatedAt: order.updatedAt?.toISOString(),
  };
}

/** The sale, with the balance of each SKU where it is known. */
export function viewSale(sale: catalog.Sale, stocks?: ReadonlyMap<string, inventory.Stock>): SaleView {
  const state = SALE_STATES.get(sale.state);
  if (!state) throw new FlashmeshError('internal', 'SALE_STATE_UNKNOWN', `sale ${sale.id} is ${sale.state}`);
  return {
    id: sale.id,
    name: sale.name,
    state,
    opensAt: sale.opensAt?.toISOString(),
    closesAt: sale.closesAt?.toISOString(),
    currency: sale.currency,
    reservationTtlSeconds: sale.reservationTtlSeconds,
    items: sale.items.map(({ sku, unitPrice, limitPerBuyer, stock }) => ({
      sku,
      unitPrice,
      limitPerBuyer,
      units: stock,
      stock: viewStock(stocks?.get(sku)),
    })),
  };
}

function viewStock(stock: inventory.Stock | undefined): StockView | undefined {
  if (!stock) return undefined;
  const { initial, available, reserved, sold } = stock;
  return { initial, available, reserved, sold };
}

/** The part of a message that its schema leaves optional and the service always sets. */
export function present<T>(part: T | undefined, what: string): T {
  if (part === undefined) throw new FlashmeshError('internal', 'EMPTY_ANSWER', `the answer holds no ${what}`);
  return part;
}

/** The values of a generated enum without their prefix; UNSPECIFIED and UNRECOGNIZED have no name. */
function namesOf(values: Record<string, string>, prefix: string): ReadonlyMap<string, string> {
  return new Map(
    Object.values(values)
      .filter((value) => value.startsWith(prefix) && !value.endsWith('_UNSPECIFIED'))
      .map((value) => [value, value.slice(prefix.length)]),
  );
}
