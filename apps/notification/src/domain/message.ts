import { order } from '@flashmesh/contracts';
import { assertNever } from '@flashmesh/core';

/** What a buyer is told. */
export interface Message {
  readonly orderId: string;
  readonly buyerId: string;
  readonly text: string;
}

const REASONS: Partial<Record<order.OrderReason, string>> = {
  [order.OrderReason.SOLD_OUT]: 'it was sold out',
  [order.OrderReason.BUYER_LIMIT]: 'the limit per buyer is reached',
  [order.OrderReason.UNKNOWN_SKU]: 'it was never in stock',
  [order.OrderReason.PAYMENT_DECLINED]: 'the payment was declined',
  [order.OrderReason.EXPIRED]: 'it was not paid in time, and no money is kept',
};

/** The message that an order event calls for: one when the order ended, none before. */
export function messageFor(event: order.OrderEvent): Message | undefined {
  const { order } = event;
  if (!order) return undefined;
  const what = `${order.quantity} x ${order.sku}`;
  const why = REASONS[order.reason] ?? 'of a reason unknown';
  switch (event.event?.$case) {
    case 'confirmed':
      return message(order, `${what}: it is yours.`);
    case 'rejected':
      return message(order, `${what}: you did not get it, because ${why}.`);
    case 'cancelled':
      return message(order, `${what}: the order was cancelled, because ${why}.`);
    case 'placed':
    case undefined:
      return undefined;
    default:
      return assertNever(event.event, 'order event');
  }
}

function message(order: order.Order, text: string): Message {
  return { orderId: order.id, buyerId: order.buyerId, text };
}
