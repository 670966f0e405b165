import { catalog } from '@flashmesh/contracts';
import { checkNewSale, checkSale, sameContent } from './check-sale.ts';

const item = { sku: 'phone', unitPrice: 1999, limitPerBuyer: 2, stock: 100 };
const sale: catalog.Sale = {
  id: 'spring-1',
  name: 'Spring',
  state: catalog.SaleState.UNSPECIFIED,
  opensAt: new Date(1000),
  closesAt: new Date(2000),
  currency: 'EUR',
  reservationTtlSeconds: 60,
  items: [item],
  token: undefined,
};
const product = (sku: string, name: string) => catalog.Product.create({ sku, name });
const products = [product('phone', 'Phone')];

describe('checkSale', () => {
  it('takes a good sale, in state PREPARING and written by nobody, whatever it said', () => {
    const state = catalog.SaleState.CLOSED;
    const token = { ensemble: 'mine', czxid: 'f'.repeat(16) };
    expect(checkSale({ sale: { ...sale, state, token }, products })).toEqual({
      sale: { ...sale, state: catalog.SaleState.PREPARING },
      products,
    });
  });

  it.each<[string, Partial<catalog.Sale>]>([
    ['id', { id: '' }],
    ['id', { id: 'Spring' }],
    ['id', { id: 'x'.repeat(65) }],
    ['name', { name: ' ' }],
    ['name', { name: 'x'.repeat(121) }],
    ['opensAt', { opensAt: undefined }],
    ['closesAt', { closesAt: new Date(Number.NaN) }],
    ['closesAt', { closesAt: sale.opensAt }],
    ['currency', { currency: 'eur' }],
    ['currency', { currency: 'QQQ' }],
    ['reservationTtlSeconds', { reservationTtlSeconds: 0 }],
    ['reservationTtlSeconds', { reservationTtlSeconds: 86_401 }],
    ['items', { items: [] }],
    ['items[0].sku', { items: [{ ...item, sku: 'a b' }] }],
    ['items[1].sku', { items: [item, item] }],
    ['items[0].unitPrice', { items: [{ ...item, unitPrice: 0 }] }],
    ['items[0].unitPrice', { items: [{ ...item, unitPrice: 1.5 }] }],
    ['items[0].limitPerBuyer', { items: [{ ...item, limitPerBuyer: -1 }] }],
    ['items[0].stock', { items: [{ ...item, stock: 0 }] }],
  ])('refuses a bad %s', (field, fault) => {
    expect(() => checkSale({ sale: { ...sale, ...fault }, products: [] })).toThrow(
      expect.objectContaining({ kind: 'invalid_argument', field }),
    );
  });

  it.each([
    ['products[0].name', [product('phone', '')]],
    ['products[0].sku', [product('other', 'Other')]],
    ['products[1].sku', [...products, ...products]],
  ])('refuses a bad %s', (field, given) => {
    expect(() => checkSale({ sale, products: given })).toThrow(expect.objectContaining({ field }));
  });

  it('refuses no sale at all', () => {
    expect(() => checkSale({ sale: undefined, products })).toThrow('sale is missing');
  });
});

describe('checkNewSale', () => {
  it('wants a product for each item and a window that has not ended', () => {
    expect(() => checkNewSale({ sale, products }, () => false, 1500)).not.toThrow();
    expect(() => checkNewSale({ sale, products: [] }, (sku) => sku === 'phone', 1500)).not.toThrow();
    expect(() => checkNewSale({ sale, products: [] }, () => false, 1500)).toThrow('items[0].sku');
    expect(() => checkNewSale({ sale, products }, () => true, 2000)).toThrow(
      'closesAt must be in the future',
    );
  });
});

it('sameContent looks at everything but the state and who wrote it', () => {
  const token = { ensemble: 'one', czxid: '0'.repeat(16) };
  expect(sameContent(sale, { ...sale, token })).toBe(true);
  expect(sameContent(sale, { ...sale, state: catalog.SaleState.OPEN })).toBe(true);
  expect(sameContent(sale, { ...sale, items: [{ ...item, stock: 101 }] })).toBe(false);
  expect(sameContent(sale, { ...sale, closesAt: new Date(2001) })).toBe(false);
});
