import { assertNever } from '@flashmesh/core';
import { inventory } from '@flashmesh/contracts';

/** Why units are not held. */
export type RejectReason = 'sold-out' | 'buyer-limit' | 'unknown-sku';

/** What happened to the units of an order; the time is the command's, so a replay makes the same event. */
export type StockEvent = {
  readonly orderId: string;
  readonly sku: string;
  /** Units; 0 when a Commit names an order that never reserved any. */
  readonly quantity: number;
  readonly time: number;
} & (
  | { readonly kind: 'reserved'; readonly expiresAt: number }
  | { readonly kind: 'rejected'; readonly reason: RejectReason }
  | { readonly kind: 'committed' | 'commit-refused' | 'released' | 'expired' }
);

const REASONS = {
  'sold-out': inventory.RejectReason.SOLD_OUT,
  'buyer-limit': inventory.RejectReason.BUYER_LIMIT,
  'unknown-sku': inventory.RejectReason.UNKNOWN_SKU,
} as const;

/** The unique id of the event: an order has at most one of each kind, and a repeated one is a duplicate by its id. */
export function stockEventId(event: StockEvent): string {
  return `${event.orderId}/${event.kind}`;
}

/** The event as `inventory.events` carries it. */
export function stockEventMessage(event: StockEvent): inventory.InventoryEvent {
  const { orderId, sku, quantity } = event;
  return { orderId, sku, quantity, event: detail(event) };
}

function detail(event: StockEvent): NonNullable<inventory.InventoryEvent['event']> {
  switch (event.kind) {
    case 'reserved':
      return { $case: 'reserved', value: { expiresAt: new Date(event.expiresAt) } };
    case 'rejected':
      return { $case: 'rejected', value: { reason: REASONS[event.reason] } };
    case 'committed':
      return { $case: 'committed', value: {} };
    case 'commit-refused':
      return { $case: 'commitRefused', value: {} };
    case 'released':
      return { $case: 'released', value: {} };
    case 'expired':
      return { $case: 'expired', value: {} };
    default:
      return assertNever(event, 'stock event');
  }
}
