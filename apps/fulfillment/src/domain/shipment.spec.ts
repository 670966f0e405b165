import { order } from '@flashmesh/contracts';
import { shipmentEventId, shipmentFor } from './shipment.ts';

const placed = order.Order.create({ id: 'ord_abc', buyerId: 'b1', sku: 'phone', quantity: 2 });

describe('shipmentFor', () => {
  it('ships a confirmed order', () => {
    expect(shipmentFor({ order: placed, event: { $case: 'confirmed', value: {} } })).toEqual({
      orderId: 'ord_abc',
      buyerId: 'b1',
      shipmentId: 'shp_abc',
      sku: 'phone',
      quantity: 2,
    });
    expect(shipmentEventId('ord_abc')).toBe('ord_abc/shipment');
  });

  it.each(['placed', 'rejected', 'cancelled'] as const)('ships nothing for a %s order', ($case) => {
    expect(shipmentFor({ order: placed, event: { $case, value: {} } })).toBeUndefined();
  });
});
