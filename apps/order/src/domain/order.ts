import { order } from '@flashmesh/contracts';
import { type SagaReason, type SagaState, sagaStates } from './saga.ts';

/** What never changes about an order, fixed when it was accepted. */
export interface PlacedOrder {
  readonly id: string;
  readonly buyerId: string;
  readonly saleId: string;
  readonly sku: string;
  readonly quantity: number;
  /** Price of one unit in minor units. */
  readonly unitPrice: number;
  readonly currency: string;
  readonly paymentMethod: string;
  readonly fingerprint: string;
  readonly limitPerBuyer: number;
  readonly reservationTtlSeconds: number;
  /** When it was accepted, milliseconds since the epoch. */
  readonly placedAt: number;
  /** The trace that the order belongs to, W3C. */
  readonly traceparent?: string;
}

/** An order and where it stands. */
export interface OrderRecord {
  readonly order: PlacedOrder;
  readonly state: SagaState;
  readonly reason?: SagaReason;
  /** When the state last changed, milliseconds since the epoch. */
  readonly updatedAt: number;
}

/** What an order costs, in minor units. */
export function amountOf(placed: PlacedOrder): number {
  return placed.unitPrice * placed.quantity;
}

/** The order as the world sees it. */
export function toMessage({ order: placed, state, reason, updatedAt }: OrderRecord): order.Order {
  return {
    id: placed.id,
    buyerId: placed.buyerId,
    saleId: placed.saleId,
    sku: placed.sku,
    quantity: placed.quantity,
    unitPrice: placed.unitPrice,
    amount: amountOf(placed),
    currency: placed.currency,
    paymentMethod: placed.paymentMethod,
    state: order.OrderState[state],
    reason: reason ? order.OrderReason[reason] : order.OrderReason.UNSPECIFIED,
    placedAt: new Date(placed.placedAt),
    updatedAt: new Date(updatedAt),
    fingerprint: placed.fingerprint,
    limitPerBuyer: placed.limitPerBuyer,
    reservationTtlSeconds: placed.reservationTtlSeconds,
  };
}

const states = new Map<order.OrderState, SagaState>(
  sagaStates.map((state) => [order.OrderState[state], state]),
);
const reasons = new Map<order.OrderReason, SagaReason>(
  (['SOLD_OUT', 'BUYER_LIMIT', 'UNKNOWN_SKU', 'PAYMENT_DECLINED', 'EXPIRED'] as const).map((reason) => [
    order.OrderReason[reason],
    reason,
  ]),
);

/** The order as the log holds it; `undefined` when it is incomplete. */
export function fromMessage(message: order.Order, traceparent?: string): OrderRecord | undefined {
  const state = states.get(message.state);
  if (!message.id || !state || !message.placedAt) return undefined;
  const { id, buyerId, saleId, sku, quantity, unitPrice, currency, paymentMethod } = message;
  const { fingerprint, limitPerBuyer, reservationTtlSeconds } = message;
  return {
    order: {
      id,
      buyerId,
      saleId,
      sku,
      quantity,
      unitPrice,
      currency,
      paymentMethod,
      fingerprint,
      limitPerBuyer,
      reservationTtlSeconds,
      placedAt: message.placedAt.getTime(),
      traceparent,
    },
    state,
    reason: reasons.get(message.reason),
    updatedAt: (message.updatedAt ?? message.placedAt).getTime(),
  };
}
