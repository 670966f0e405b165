import { order } from '@flashmesh/contracts';
import { messageFor } from './message.ts';

const of = (reason: order.OrderReason) =>
  order.Order.create({ id: 'ord_a', buyerId: 'b1', sku: 'phone', quantity: 2, reason });

describe('messageFor', () => {
  it('tells the buyer how the order ended, and why', () => {
    const confirmed = {
      order: of(order.OrderReason.UNSPECIFIED),
      event: { $case: 'confirmed' as const, value: {} },
    };
    expect(messageFor(confirmed)).toEqual({
      orderId: 'ord_a',
      buyerId: 'b1',
      text: '2 x phone: it is yours.',
    });
    const declined = {
      order: of(order.OrderReason.PAYMENT_DECLINED),
      event: { $case: 'cancelled' as const, value: {} },
    };
    expect(messageFor(declined)?.text).toContain('the payment was declined');
    const soldOut = {
      order: of(order.OrderReason.SOLD_OUT),
      event: { $case: 'rejected' as const, value: {} },
    };
    expect(messageFor(soldOut)?.text).toContain('sold out');
  });

  it('says nothing before the end', () => {
    const placed = {
      order: of(order.OrderReason.UNSPECIFIED),
      event: { $case: 'placed' as const, value: {} },
    };
    expect(messageFor(placed)).toBeUndefined();
  });
});
