import { randomUUID } from 'node:crypto';
import { until } from '../support/shop.ts';
import { useStack } from '../support/stack.ts';

describe('one order, on the real stack', () => {
  const { shop, verify } = useStack();

  it('is confirmed, and the stock says so', async () => {
    const sale = await shop.openSale({ stock: 10 });
    const { status, body, headers, token } = await shop.order({ ...sale, quantity: 2 });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/api/orders/${body.id}`);
    const order = await shop.ended(body.id, token);
    expect(order).toMatchObject({ id: body.id, state: 'CONFIRMED', amount: 2 * 1999 });
    await shop.expectStock(sale.saleId, { initial: 10, available: 8, reserved: 0, sold: 2 });
    await verify();
  });

  it('sells out exactly, and says so at the door afterwards', async () => {
    const sale = await shop.openSale({ stock: 5 });
    const answers = await Promise.all(Array.from({ length: 12 }, () => shop.order(sale)));
    const accepted = answers.filter(({ status }) => status === 202);
    const states = await Promise.all(
      accepted.map(async ({ body, token }) => (await shop.ended(body.id, token)).state),
    );
    expect(states.filter((state) => state === 'CONFIRMED')).toHaveLength(5);
    for (const { status, body } of answers) {
      expect(status === 202 || body.code).toBe(status === 202 || 'SOLD_OUT');
    }
    await shop.expectStock(sale.saleId, { initial: 5, available: 0, reserved: 0, sold: 5 });
    // The verdict at the door may be a moment old, too.
    const late = await until(async () => {
      const answer = await shop.order(sale);
      return answer.status === 202 ? undefined : answer;
    }, 'the door to close');
    expect([late.status, late.body.code]).toEqual([409, 'SOLD_OUT']);
    await verify();
  });

  it('is cancelled when the payment is declined, and the units can be sold again', async () => {
    const sale = await shop.openSale({ stock: 1 });
    const declined = await shop.accepted({ ...sale, paymentMethod: 'tok_decline' });
    const order = await shop.ended(declined.body.id, declined.token);
    expect(order).toMatchObject({ state: 'CANCELLED', reason: 'PAYMENT_DECLINED' });
    const second = await shop.orderWhenAvailable(sale);
    expect((await shop.ended(second.body.id, second.token)).state).toBe('CONFIRMED');
    await verify();
  });

  it('is charged once when the payment answers too late', async () => {
    const sale = await shop.openSale({ stock: 3 });
    const { body, token } = await shop.order({
      ...sale,
      paymentMethod: `tok_timeout_${randomUUID().slice(0, 8)}`,
    });
    expect((await shop.ended(body.id, token)).state).toBe('CONFIRMED');
    await verify();
  });

  it('is charged once when the payment answers twice', async () => {
    const sale = await shop.openSale({ stock: 3 });
    const { body, token } = await shop.accepted({ ...sale, paymentMethod: 'tok_twice' });
    expect((await shop.ended(body.id, token)).state).toBe('CONFIRMED');
    const { duplicates } = await verify();
    expect(duplicates['payments.ledger']).toBeGreaterThan(0);
  });

  it('is one order for one key, also when both requests come at once', async () => {
    const sale = await shop.openSale({ stock: 10 });
    const [token, key] = [await shop.buyer(), randomUUID()];
    const answers = await Promise.all([1, 2, 3].map(() => shop.order({ ...sale, token, key })));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    await shop.ended(answers[0]!.body.id, token);
    await shop.expectStock(sale.saleId, { initial: 10, available: 9, reserved: 0, sold: 1 });
    const other = await shop.order({ ...sale, token, key, quantity: 2 });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    await verify();
  });

  it('stays within the limit per buyer across orders', async () => {
    const sale = await shop.openSale({ stock: 10, limitPerBuyer: 2 });
    const token = await shop.buyer();
    const first = await shop.accepted({ ...sale, token, quantity: 2 });
    expect((await shop.ended(first.body.id, token)).state).toBe('CONFIRMED');
    const second = await shop.accepted({ ...sale, token });
    expect(await shop.ended(second.body.id, token)).toMatchObject({
      state: 'REJECTED',
      reason: 'BUYER_LIMIT',
    });
    await verify();
  });

  it('tells its buyer over server-sent events how it goes', async () => {
    const sale = await shop.openSale({ stock: 10 });
    const { body, token } = await shop.accepted(sale);
    const states = await shop.watch(body.id, token);
    expect(states.at(-1)).toBe('CONFIRMED');
    expect(new Set(states).size).toBe(states.length);
  });
});
