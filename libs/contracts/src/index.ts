// Generated from proto/: one line a package; the names of enums and messages are those of the schema.
export * as catalog from './gen/flashmesh/catalog/v1/catalog.ts';
export * as coordination from './gen/flashmesh/coordination/v1/coordination.ts';
export * as event from './gen/flashmesh/event/v1/event.ts';
export * as fulfillment from './gen/flashmesh/fulfillment/v1/fulfillment.ts';
export * as inventory from './gen/flashmesh/inventory/v1/inventory.ts';
export { fileDescriptors } from './gen/descriptors.ts';
export * as mesh from './gen/flashmesh/mesh/v1/mesh.ts';
export * as order from './gen/flashmesh/order/v1/order.ts';
export * as payment from './gen/flashmesh/payment/v1/payment.ts';
export { type ServiceWithSettings, settings, type SettingsOf } from './settings.ts';
export type { MessageCodec, Topic } from './topics.ts';
export { deadLetterTopic, topics } from './topics.ts';
export { znodes } from './znodes.ts';
