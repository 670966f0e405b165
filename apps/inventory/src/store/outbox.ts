import type { inventory, Topic } from '@flashmesh/contracts';
import type { OutboxEvent } from '@flashmesh/messaging';
import { type StockEvent, stockEventId, stockEventMessage } from '../domain/stock-event.ts';

/** What the script puts into the outbox: the event, and the trace of the command that led to it. */
type OutboxEntry = StockEvent & { readonly traceparent?: string };

/** The id of the event that an outbox entry stands for. */
export function outboxEventId(entry: string): string {
  return stockEventId(JSON.parse(entry) as OutboxEntry);
}

/** The record of `inventory.events` that an outbox entry stands for. */
export function toOutboxEvent(entry: string, topic: Topic<inventory.InventoryEvent>): OutboxEvent {
  const event = JSON.parse(entry) as OutboxEntry;
  return {
    topic,
    key: event.orderId,
    id: stockEventId(event),
    time: event.time,
    traceparent: event.traceparent,
    data: stockEventMessage(event),
  };
}
