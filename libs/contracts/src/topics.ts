import type { BinaryWriter } from '@bufbuild/protobuf/wire';
import { Product, Sale } from './gen/flashmesh/catalog/v1/catalog.ts';
import { Event } from './gen/flashmesh/event/v1/event.ts';
import { ShipmentEvent } from './gen/flashmesh/fulfillment/v1/fulfillment.ts';
import { InventoryCommand, InventoryEvent } from './gen/flashmesh/inventory/v1/inventory.ts';
import { OrderEvent } from './gen/flashmesh/order/v1/order.ts';
import { LedgerEntry } from './gen/flashmesh/payment/v1/payment.ts';

/** How a protobuf message becomes bytes and back; the objects that the code generator makes have this shape. */
export interface MessageCodec<T> {
  encode(message: T): BinaryWriter;
  decode(bytes: Uint8Array): T;
}

/** A topic and what it carries. */
export interface Topic<T> {
  readonly name: string;
  /** The CloudEvents `ce_type` of every record: the full name of the protobuf message. */
  readonly type: string;
  readonly codec: MessageCodec<T>;
  /** Settings the topic is created with, in Kafka's own names. */
  readonly config: Readonly<Record<string, string>>;
}

/** Keeps the message type of a topic while checking its shape. */
function topic<T>(definition: Topic<T>): Topic<T> {
  return definition;
}

const DAY_MS = 24 * 60 * 60 * 1000;
const keep = (days: number) => ({ 'cleanup.policy': 'delete', 'retention.ms': String(days * DAY_MS) });
const FOREVER = { 'cleanup.policy': 'delete', 'retention.ms': '-1' };
const COMPACTED = { 'cleanup.policy': 'compact' };

/**
 * Every topic of the shop. Topics that are keyed by order have the same number of partitions and the same partitioner, so
 * partition n of each holds the same orders.
 */
export const topics = {
  // Not compacted: that would keep the last record of a key, which may be one that does not count, sent late by a writer who had
  // lost its lock, and drop those that show so. An opening writes few records.
  products: topic({
    name: 'catalog.products',
    type: 'flashmesh.catalog.v1.Product',
    codec: Product,
    config: FOREVER,
  }),
  sales: topic({ name: 'catalog.sales', type: 'flashmesh.catalog.v1.Sale', codec: Sale, config: FOREVER }),
  // The stock is rebuilt by replaying every command, so the commands stay until there are snapshots to start from.
  inventoryCommands: topic({
    name: 'inventory.commands',
    type: 'flashmesh.inventory.v1.InventoryCommand',
    codec: InventoryCommand,
    config: FOREVER,
  }),
  inventoryEvents: topic({
    name: 'inventory.events',
    type: 'flashmesh.inventory.v1.InventoryEvent',
    codec: InventoryEvent,
    config: FOREVER,
  }),
  // Compacted: the newest event of an order carries the whole order. The lag leaves readers a week of full history.
  orderEvents: topic({
    name: 'orders.events',
    type: 'flashmesh.order.v1.OrderEvent',
    codec: OrderEvent,
    config: { ...COMPACTED, 'min.compaction.lag.ms': String(7 * DAY_MS) },
  }),
  ledger: topic({
    name: 'payments.ledger',
    type: 'flashmesh.payment.v1.LedgerEntry',
    codec: LedgerEntry,
    config: FOREVER,
  }),
  shipments: topic({
    name: 'fulfillment.events',
    type: 'flashmesh.fulfillment.v1.ShipmentEvent',
    codec: ShipmentEvent,
    config: keep(7),
  }),
  ingest: topic({ name: 'ingest.events', type: 'flashmesh.event.v1.Event', codec: Event, config: keep(7) }),
} as const;

/** The topic that holds what consumer group `group` could not handle of `topic`. */
export function deadLetterTopic(topic: string, group: string): string {
  return `${topic}.${group}.dlq`;
}
