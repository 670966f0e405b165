import { inventory } from '@flashmesh/contracts';
import { admit } from './admission.ts';
import { commandOf } from './command.ts';
import { type StockEvent, stockEventId, stockEventMessage } from './stock-event.ts';

const reserve = {
  orderId: 'ord_1',
  saleId: 'sale',
  buyerId: 'ann',
  quantity: 2,
  limitPerBuyer: 3,
  ttlSeconds: 60,
};

describe('commandOf', () => {
  it('flattens a record', () => {
    expect(commandOf({ sku: 'phone', command: { $case: 'reserve', value: reserve } })).toEqual({
      kind: 'reserve',
      sku: 'phone',
      orderId: 'ord_1',
      saleId: 'sale',
      buyerId: 'ann',
      quantity: 2,
      limitPerBuyer: 3,
      ttlMs: 60_000,
    });
  });

  it.each([
    ['sku', { sku: 'Not An SKU' }],
    ['quantity', { quantity: 0 }],
    ['quantity', { quantity: -1 }],
    ['limitPerBuyer', { limitPerBuyer: 0 }],
    ['ttlSeconds', { ttlSeconds: 0 }],
    ['orderId', { orderId: '' }],
    ['saleId', { saleId: 'a b' }],
    ['buyerId', { buyerId: 'x'.repeat(201) }],
  ])('refuses a bad %s', (field, fault) => {
    const { sku = 'phone', ...rest } = fault as { sku?: string };
    const record = { sku, command: { $case: 'reserve' as const, value: { ...reserve, ...rest } } };
    expect(() => commandOf(record)).toThrow(expect.objectContaining({ kind: 'invalid_argument', field }));
  });

  const token = { ensemble: 'b0b1', czxid: '00000001000000ff' };
  const seed = { restockId: 'sale/phone', quantity: 5, saleId: 'sale', token };

  it('takes a restock for a sale with its token, and one for none without', () => {
    const of = (value: typeof seed | { token: undefined }) =>
      commandOf({ sku: 'phone', command: { $case: 'restock', value: { ...seed, ...value } } });
    const base = { kind: 'restock', sku: 'phone', restockId: 'sale/phone', quantity: 5 };
    expect(of(seed)).toEqual({ ...base, saleId: 'sale', token });
    expect(of({ token: undefined })).toEqual({ ...base, saleId: 'sale' });
    expect(of({ ...seed, saleId: '' })).toEqual(base);
  });

  it.each([
    ['token', undefined],
    ['token.ensemble', { ...token, ensemble: 'a b' }],
    ['token.czxid', { ...token, czxid: 'FF' }],
    ['token.czxid', { ...token, czxid: '' }],
  ])('refuses a fence with a bad %s', (field, bad) => {
    const record = {
      sku: 'phone',
      command: { $case: 'fence' as const, value: { saleId: 'sale', token: bad } },
    };
    expect(() => commandOf(record)).toThrow(expect.objectContaining({ kind: 'invalid_argument', field }));
  });

  it('refuses a record without a command', () => {
    expect(() => commandOf({ sku: 'phone', command: undefined })).toThrow('no command');
  });
});

describe('stock events', () => {
  const base = { orderId: 'ord_1', sku: 'phone', quantity: 2, time: 5 };

  it.each<[StockEvent, string, unknown]>([
    [
      { ...base, kind: 'reserved', expiresAt: 9 },
      'reserved',
      { $case: 'reserved', value: { expiresAt: new Date(9) } },
    ],
    [
      { ...base, kind: 'rejected', reason: 'buyer-limit' },
      'rejected',
      { $case: 'rejected', value: { reason: inventory.RejectReason.BUYER_LIMIT } },
    ],
    [{ ...base, kind: 'commit-refused' }, 'commit-refused', { $case: 'commitRefused', value: {} }],
    [{ ...base, kind: 'expired' }, 'expired', { $case: 'expired', value: {} }],
  ])('become records: %j', (event, suffix, detail) => {
    expect(stockEventId(event)).toBe(`ord_1/${suffix}`);
    const message = stockEventMessage(event);
    expect(message).toEqual({ orderId: 'ord_1', sku: 'phone', quantity: 2, event: detail });
    const bytes = inventory.InventoryEvent.encode(message).finish();
    expect(inventory.InventoryEvent.decode(bytes)).toEqual(message);
  });
});

describe('admit', () => {
  const balance = { initial: 5, available: 2, reserved: 3, sold: 0 };

  it.each([
    ['unknown-sku', undefined, 1],
    ['sold-out', { balance, waitMs: 999 }, 3],
    ['busy', { balance, waitMs: 101 }, 2],
    ['admitted', { balance, waitMs: 100 }, 2],
  ] as const)('says %s', (verdict, seen, quantity) => {
    expect(admit(seen, quantity, 100)).toBe(verdict);
  });
});
