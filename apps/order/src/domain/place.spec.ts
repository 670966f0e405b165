import { catalog, order } from '@flashmesh/contracts';
import { FlashmeshError } from '@flashmesh/core';
import { checkRequest } from './request.ts';
import { orderableItem } from './sale-rules.ts';

function failure(run: () => unknown): FlashmeshError {
  try {
    run();
  } catch (error) {
    if (error instanceof FlashmeshError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}

const good = order.PlaceOrderRequest.create({
  buyerId: 'buyer-1',
  idempotencyKey: 'key-1',
  saleId: 'sale-1',
  sku: 'phone',
  quantity: 1,
  paymentMethod: 'tok_visa',
});

describe('checkRequest', () => {
  it('accepts a well-formed request', () => expect(() => checkRequest(good)).not.toThrow());

  it.each([
    ['buyerId', ''],
    ['idempotencyKey', ''],
    ['idempotencyKey', 'a b'],
    ['idempotencyKey', 'k'.repeat(129)],
    ['saleId', 'Sale'],
    ['sku', ''],
    ['paymentMethod', 'visa'],
    ['paymentMethod', 'tok_'],
    ['quantity', 0],
    ['quantity', -1],
    ['quantity', 1.5],
    ['quantity', Number.NaN],
  ])('refuses %s = %p and names it', (field, value) => {
    const error = failure(() => checkRequest({ ...good, [field]: value }));
    expect(error).toMatchObject({ kind: 'invalid_argument', field });
  });
});

describe('orderableItem', () => {
  const sale = catalog.Sale.create({
    id: 'sale-1',
    state: catalog.SaleState.OPEN,
    opensAt: new Date(1000),
    closesAt: new Date(2000),
    items: [{ sku: 'phone', unitPrice: 500, limitPerBuyer: 2, stock: 10 }],
  });

  it('finds the item inside the window', () => {
    expect(orderableItem(sale, 'phone', 2, 1000).unitPrice).toBe(500);
    expect(orderableItem(sale, 'phone', 2, 1999).unitPrice).toBe(500);
  });

  it.each([
    ['before the window', sale, 999],
    ['at its end', sale, 2000],
    ['preparing', { ...sale, state: catalog.SaleState.PREPARING }, 1500],
    ['closed', { ...sale, state: catalog.SaleState.CLOSED }, 1500],
    ['without a window', { ...sale, opensAt: undefined }, 1500],
  ])('refuses %s', (_name, closed, now) => {
    expect(failure(() => orderableItem(closed, 'phone', 1, now)).code).toBe('SALE_NOT_OPEN');
  });

  it('names what is wrong with the SKU or the quantity', () => {
    expect(failure(() => orderableItem(sale, 'tv', 1, 1500))).toMatchObject({
      kind: 'not_found',
      code: 'SKU_NOT_IN_SALE',
    });
    expect(failure(() => orderableItem(sale, 'phone', 3, 1500))).toMatchObject({
      kind: 'invalid_argument',
      field: 'quantity',
    });
  });
});
