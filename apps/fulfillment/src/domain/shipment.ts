import { fulfillment, type order } from '@flashmesh/contracts';

/** The shipment that an order event calls for: confirmed orders are shipped, and nothing else is. */
export function shipmentFor(event: order.OrderEvent): fulfillment.ShipmentEvent | undefined {
  const { order } = event;
  if (event.event?.$case !== 'confirmed' || !order) return undefined;
  return {
    orderId: order.id,
    buyerId: order.buyerId,
    shipmentId: order.id.replace(/^ord_/, 'shp_'),
    sku: order.sku,
    quantity: order.quantity,
  };
}

/** The unique id of the event that announces an order's shipment. */
export function shipmentEventId(orderId: string): string {
  return `${orderId}/shipment`;
}
