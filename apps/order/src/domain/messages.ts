import { inventory, type order, type Topic, topics } from '@flashmesh/contracts';
import { assertNever } from '@flashmesh/core';
import { type OrderRecord, type PlacedOrder, toMessage } from './order.ts';
import type { SagaInput, SagaOutput, SagaState } from './saga.ts';

/** What happened to an order, as `orders.events` tells it. */
export type OrderEventKind = 'placed' | Exclude<SagaOutput, CommandKind>;
type CommandKind = 'commit' | 'release';

/** Something that the saga puts on the log. Its id is the same however often it is sent, so that only the first counts. */
export interface Message<T> {
  readonly topic: Topic<T>;
  readonly key: string;
  readonly id: string;
  readonly data: T;
}

/** The event that tells how an order stands. */
export function orderEvent(record: OrderRecord, kind: OrderEventKind): Message<order.OrderEvent> {
  const { id } = record.order;
  const data: order.OrderEvent = { order: toMessage(record), event: { $case: kind, value: {} } };
  return { topic: topics.orderEvents, key: id, id: `${id}/${kind}`, data };
}

/** The event by which the log knows an order in this state. */
export function eventKindOf(state: SagaState): OrderEventKind {
  if (state === 'CONFIRMED') return 'confirmed';
  if (state === 'REJECTED') return 'rejected';
  if (state === 'CANCELLED') return 'cancelled';
  return 'placed';
}

/** Asks inventory to hold the order's units. */
export function reserveCommand(placed: PlacedOrder): Message<inventory.InventoryCommand> {
  const { id, saleId, buyerId, quantity, limitPerBuyer, reservationTtlSeconds } = placed;
  const value = { orderId: id, saleId, buyerId, quantity, limitPerBuyer, ttlSeconds: reservationTtlSeconds };
  return command(placed, { $case: 'reserve', value });
}

/** Tells inventory to sell the order's held units, or to give them back. */
export function unitsCommand(placed: PlacedOrder, kind: CommandKind): Message<inventory.InventoryCommand> {
  return command(placed, { $case: kind, value: { orderId: placed.id } });
}

/** What a step of the saga puts on the log. */
export function messageOf(
  output: SagaOutput,
  record: OrderRecord,
): Message<order.OrderEvent> | Message<inventory.InventoryCommand> {
  return output === 'commit' || output === 'release'
    ? unitsCommand(record.order, output)
    : orderEvent(record, output);
}

function command(
  { id, sku }: PlacedOrder,
  what: NonNullable<inventory.InventoryCommand['command']>,
): Message<inventory.InventoryCommand> {
  const data = { sku, command: what };
  return { topic: topics.inventoryCommands, key: sku, id: `${id}/${what.$case}`, data };
}

/** What an event of inventory means to the saga; `undefined` for kinds that this version does not know. */
export function inputOf({ event }: inventory.InventoryEvent): SagaInput | undefined {
  if (!event) return undefined;
  if (event.$case !== 'rejected') return { kind: event.$case };
  switch (event.value.reason) {
    case inventory.RejectReason.BUYER_LIMIT:
      return { kind: 'rejected', reason: 'BUYER_LIMIT' };
    case inventory.RejectReason.UNKNOWN_SKU:
      return { kind: 'rejected', reason: 'UNKNOWN_SKU' };
    // A reason of a later version still means that no units are held.
    case inventory.RejectReason.SOLD_OUT:
    case inventory.RejectReason.UNSPECIFIED:
    case inventory.RejectReason.UNRECOGNIZED:
      return { kind: 'rejected', reason: 'SOLD_OUT' };
    default:
      return assertNever(event.value.reason, 'reason');
  }
}
