import { randomUUID } from 'node:crypto';
import { useStack } from '../support/stack.ts';

describe('what the gateway refuses, each with its own answer', () => {
  const { shop } = useStack();
  let sale: { saleId: string; sku: string };
  let token: string;
  beforeAll(async () => {
    sale = await shop.openSale({ stock: 5, limitPerBuyer: 2 });
    token = await shop.buyer();
  });
  afterAll(async () => {
    // Nothing of all this changed anything.
    await shop.expectStock(sale.saleId, { initial: 5, available: 5, reserved: 0, sold: 0 });
  });

  const order = (body: object) => ({ quantity: 1, paymentMethod: 'tok_ok', ...sale, ...body });

  it.each([
    ['an unknown sale', { saleId: 'no-such-sale' }, 404, 'SALE_NOT_FOUND', undefined],
    ['a SKU that is not in the sale', { sku: 'no-such-sku' }, 404, 'SKU_NOT_IN_SALE', undefined],
    ['quantity 0', { quantity: 0 }, 400, 'INVALID_ARGUMENT', 'quantity'],
    ['a negative quantity', { quantity: -1 }, 400, 'INVALID_ARGUMENT', 'quantity'],
    ['a fractional quantity', { quantity: 1.5 }, 400, 'INVALID_ARGUMENT', 'quantity'],
    ['a quantity that is text', { quantity: '1' }, 400, 'INVALID_ARGUMENT', 'quantity'],
    ['more than the limit', { quantity: 3 }, 400, 'INVALID_ARGUMENT', 'quantity'],
    ['a missing payment method', { paymentMethod: undefined }, 400, 'INVALID_ARGUMENT', 'paymentMethod'],
    ['a field that does not exist', { price: 1 }, 400, 'INVALID_ARGUMENT', 'price'],
  ])('%s', async (_, change, status, code, field) => {
    const answer = await shop.request('POST', '/api/orders', {
      token,
      key: randomUUID(),
      body: order(change),
    });
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ status, code, ...(field ? { field } : {}) });
    expect(answer.body.detail).toEqual(expect.any(String));
    expect(answer.status).toBe(status);
  });

  it('a closed sale', async () => {
    const closed = await shop.openSale({ stock: 5 });
    await shop.closeSale(closed.saleId);
    const answer = await shop.order(closed);
    expect([answer.status, answer.body.code]).toEqual([409, 'SALE_NOT_OPEN']);
  });

  it('malformed JSON', async () => {
    const answer = await shop.request('POST', '/api/orders', { token, key: randomUUID(), raw: '{"saleId":' });
    expect([answer.status, answer.body.code]).toEqual([400, 'MALFORMED_JSON']);
  });

  it('a body over 64 KiB', async () => {
    const raw = JSON.stringify({ ...order({}), padding: 'x'.repeat(65 * 1024) });
    const answer = await shop.request('POST', '/api/orders', { token, key: randomUUID(), raw });
    expect([answer.status, answer.body.code]).toEqual([413, 'BODY_TOO_LARGE']);
  });

  it('another content type', async () => {
    const headers = { 'content-type': 'text/plain' };
    const answer = await shop.request('POST', '/api/orders', {
      token,
      key: randomUUID(),
      raw: 'hello',
      headers,
    });
    expect(answer.status).toBe(415);
  });

  it('no token, a forged token', async () => {
    const key = randomUUID();
    const none = await shop.request('POST', '/api/orders', { key, body: order({}) });
    expect(none.status).toBe(401);
    const forged = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
    const bad = await shop.request('POST', '/api/orders', { token: forged, key, body: order({}) });
    expect(bad.status).toBe(401);
  });

  it("another buyer's order", async () => {
    const other = await shop.openSale({ stock: 5 });
    const { body } = await shop.order(other);
    const answer = await shop.request('GET', `/api/orders/${body.id}`, { token });
    expect(answer.status).toBe(403);
    const unknown = await shop.request('GET', `/api/orders/ord_${'a'.repeat(26)}`, { token });
    expect(unknown.status).toBe(404);
  });

  it('no idempotency key', async () => {
    const answer = await shop.request('POST', '/api/orders', { token, body: order({}) });
    expect([answer.status, answer.body.field]).toEqual([400, 'Idempotency-Key']);
  });

  it('the admin side without the admin token', async () => {
    const answer = await shop.request('POST', '/api/admin/sales', { token, body: {} });
    expect([401, 403]).toContain(answer.status);
  });
});
