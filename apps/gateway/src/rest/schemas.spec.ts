import { errorOfIssues } from '@flashmesh/core';
import { openSaleBody, openSessionBody, placeOrderBody } from './schemas.ts';

/** `field: rule` of what a schema says to a value; undefined when it is fine. */
function fault(
  schema: { safeParse(value: unknown): { success: boolean; error?: { issues: unknown[] } } },
  value: unknown,
) {
  const { error } = schema.safeParse(value);
  if (!error) return undefined;
  const { field, message } = errorOfIssues(error.issues as Parameters<typeof errorOfIssues>[0]);
  return `${field}: ${message}`;
}

const order = { saleId: 'demo', sku: 'phone', quantity: 1, paymentMethod: 'tok_ok' };

describe('the body of an order', () => {
  it.each([
    [{ quantity: 0 }, 'quantity: quantity must be 1 or more'],
    [{ quantity: -1 }, 'quantity: quantity must be 1 or more'],
    [{ quantity: 1.5 }, 'quantity: quantity must be a whole number'],
    [{ quantity: '1' }, 'quantity: quantity must be a whole number'],
    [{ quantity: null }, 'quantity: quantity must be a whole number'],
    [{ quantity: 2 ** 31 }, 'quantity: quantity must be at most 2147483647'],
    [{ saleId: 'UPPER' }, 'saleId: saleId must be 1 to 64 characters of [a-z0-9-]'],
    [{ sku: undefined }, 'sku: sku must be text'],
    [
      { paymentMethod: 'visa' },
      'paymentMethod: paymentMethod must be "tok_" and 1 to 60 characters of [a-z0-9_]',
    ],
    [{ price: 1 }, 'price: price is not a known field'],
  ])('%j', (change, expected) => {
    expect(fault(placeOrderBody, { ...order, ...change })).toBe(expected);
  });

  it.each([[undefined], [null], ['text'], [7], [[order]]])('must be an object, not %j', (value) => {
    expect(fault(placeOrderBody, value)).toBe('body: body must be a JSON object');
  });

  it('passes', () => {
    expect(fault(placeOrderBody, order)).toBeUndefined();
  });
});

describe('the other bodies', () => {
  const sale = {
    id: 'demo',
    name: 'Demo',
    opensAt: '2026-11-27T08:00:00Z',
    closesAt: '2026-11-27T09:00:00+01:00',
    currency: 'EUR',
    reservationTtlSeconds: 60,
    items: [{ sku: 'phone', unitPrice: 1999, limitPerBuyer: 2, stock: 10 }],
  };

  it('name the path inside', () => {
    expect(fault(openSaleBody, { ...sale, items: [{ ...sale.items[0], stock: 0 }] })).toBe(
      'items.0.stock: items.0.stock must be 1 or more',
    );
    expect(fault(openSaleBody, { ...sale, items: [{ ...sale.items[0], colour: 'red' }] })).toBe(
      'items.0.colour: items.0.colour is not a known field',
    );
    // 09:00+01:00 is 08:00Z: the window is empty.
    expect(fault(openSaleBody, sale)).toBe('closesAt: closesAt must be after opensAt');
    expect(fault(openSaleBody, { ...sale, closesAt: '2026-11-27T09:00:00Z' })).toBeUndefined();
  });

  it('a session needs none', () => {
    expect(fault(openSessionBody, undefined)).toBeUndefined();
    expect(fault(openSessionBody, { name: 'Ada' })).toBeUndefined();
    expect(fault(openSessionBody, { name: '' })).toBe('name: name must be 1 to 120 characters');
  });
});
