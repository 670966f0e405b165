import { type fulfillment, type order, topics } from '@flashmesh/contracts';
import { contextOf, type IncomingEvent, type OutboxEvent } from '@flashmesh/messaging';
import { traceparentOf } from '@flashmesh/telemetry';
import { shipmentEventId, shipmentFor } from '../domain/shipment.ts';

/** A shipment event that waits in Redis to be published. */
export interface OutboxEntry {
  readonly id: string;
  readonly time: number;
  readonly traceparent?: string;
  readonly data: fulfillment.ShipmentEvent;
}

/** What an order event puts into the outbox, if anything; it belongs to the order's trace. */
export function toOutbox(event: IncomingEvent<order.OrderEvent>): OutboxEntry | undefined {
  const data = shipmentFor(event.data);
  if (!data) return undefined;
  return {
    id: shipmentEventId(data.orderId),
    time: event.time,
    traceparent: traceparentOf(contextOf(event)),
    data,
  };
}

/** The event that an outbox entry stands for. */
export function toOutboxEvent(entry: string): OutboxEvent {
  const { id, time, traceparent, data } = JSON.parse(entry) as OutboxEntry;
  return { topic: topics.shipments, key: data.orderId, id, time, traceparent, data };
}
