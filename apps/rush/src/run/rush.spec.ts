import { jest } from '@jest/globals';
import { ManualClock } from '@flashmesh/core';
import type { AcceptedOrder } from '../accepted-orders.ts';
import type { Buyer, OrderAnswer, Wish } from './gateway-client.ts';
import { rush } from './rush.ts';

const wish = { saleId: 's', sku: 'k', quantity: 1, paymentMethod: 'tok_ok' };
/** Who asks once, and can pay. */
const plain = { wish, declineRatio: 0, patienceMs: 0, onAccepted: () => undefined };
const openSession = async () => ({ buyerId: 'b', token: 't' });

describe('rush', () => {
  it('lets each buyer order once with a key of her own, and sorts the answers', async () => {
    let sessions = 0;
    const asked: { buyer: Buyer; key: string; wish: Wish }[] = [];
    const accepted: AcceptedOrder[] = [];
    const outcomes: OrderAnswer['outcome'][] = ['accepted', 'soldOut', 'tooManyRequests', 'networkError'];
    const report = await rush({
      client: {
        openSession: async () => ({ buyerId: `b${++sessions}`, token: `t${sessions}` }),
        placeOrder: async (buyer, key, wish) => {
          const outcome = outcomes[asked.length % outcomes.length] ?? 'failed';
          asked.push({ buyer, key, wish });
          return outcome === 'accepted' ? { outcome, orderId: `ord_${asked.length}` } : { outcome };
        },
      },
      buyers: 40,
      ratePerSecond: 10_000,
      wish,
      declineRatio: 0.25,
      patienceMs: 0,
      onAccepted: (order) => accepted.push(order),
    });
    expect(new Set(asked.map(({ key }) => key)).size).toBe(40);
    expect(new Set(asked.map(({ buyer }) => buyer.buyerId)).size).toBe(40);
    expect(asked.filter(({ wish }) => wish.paymentMethod === 'tok_decline')).toHaveLength(10);
    expect(report).toMatchObject({
      offered: 40,
      accepted: 10,
      rejected: { soldOut: 10, tooManyRequests: 10, networkError: 10, unavailable: 0, refused: 0, failed: 0 },
      notSent: 0,
    });
    expect(accepted[0]).toMatchObject({ id: 'ord_1', buyerId: 'b1', token: 't1', time: expect.any(Number) });
    expect(report.latencyMs.p99).toBeGreaterThanOrEqual(0);
  });

  it('asks again with the same key when an answer leaves open what happened, and only then', async () => {
    const keys: string[] = [];
    const answers: OrderAnswer[] = [
      { outcome: 'unavailable', retryAfterMs: 1, detail: '503 down' },
      { outcome: 'networkError' },
      { outcome: 'tooManyRequests' },
      { outcome: 'accepted', orderId: 'ord_1' },
    ];
    const clock = new ManualClock();
    const running = rush({
      client: {
        openSession,
        placeOrder: async (_buyer, key) => {
          keys.push(key);
          return answers[keys.length - 1] ?? { outcome: 'failed' };
        },
      },
      buyers: 1,
      ratePerSecond: 1000,
      ...plain,
      patienceMs: 60_000,
      clock,
    });
    for (let second = 0; second < 20; second++) await clock.advance(1000);
    expect(await running).toMatchObject({
      accepted: 1,
      askedAgain: 3,
      failedRequests: 2,
      failures: [expect.stringContaining('503 down'), expect.stringContaining('networkError')],
    });
    expect([keys.length, new Set(keys).size]).toEqual([4, 1]);
  });

  it('comes back when it was turned away, if it is one who does, until the patience ends', async () => {
    const askedOf = async (comeBackMs: number | undefined) => {
      const clock = new ManualClock();
      let asked = 0;
      const running = rush({
        client: {
          openSession,
          placeOrder: async () => {
            asked++;
            return { outcome: 'tooManyRequests', retryAfterMs: 1 };
          },
        },
        buyers: 1,
        ratePerSecond: 1000,
        ...plain,
        patienceMs: 60_000,
        comeBackMs,
        clock,
      });
      for (let second = 0; second < 70; second++) await clock.advance(1000);
      expect((await running).rejected.tooManyRequests).toBe(1);
      return asked;
    };
    expect(await askedOf(undefined)).toBe(1);
    // After 10 to 20 seconds each.
    const asked = await askedOf(10_000);
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(asked).toBeLessThanOrEqual(7);
  });

  it('counts a buyer who gets no session as a failure, and goes on', async () => {
    const clock = new ManualClock();
    let sessions = 0;
    const running = rush({
      client: {
        openSession: async () => {
          if (++sessions > 1) throw new Error('no session: 500');
          return { buyerId: 'b', token: 't' };
        },
        placeOrder: async () => ({ outcome: 'accepted', orderId: 'ord_1' }),
      },
      buyers: 2,
      ahead: 1,
      ratePerSecond: 1,
      ...plain,
      clock,
    });
    for (let second = 0; second < 20; second++) await clock.advance(1000);
    expect(await running).toMatchObject({
      offered: 2,
      accepted: 1,
      rejected: { unavailable: 1 },
      failedRequests: 1,
      failures: [expect.stringContaining('no session: 500')],
    });
  });

  it('lets no more buyers come once it is told to end, and waits for those who came', async () => {
    const clock = new ManualClock();
    const end = new AbortController();
    let answer: (() => void) | undefined;
    const running = rush({
      client: {
        openSession,
        placeOrder: () =>
          new Promise((resolve) => (answer = () => resolve({ outcome: 'accepted', orderId: 'ord_1' }))),
      },
      buyers: 1000,
      ratePerSecond: 1,
      ...plain,
      signal: end.signal,
      clock,
    });
    await clock.advance(10);
    end.abort();
    await clock.advance(10_000);
    answer?.();
    expect(await running).toMatchObject({ offered: 1, accepted: 1, notSent: 0 });
  });

  it('throws when it is told to end before a buyer came', async () => {
    const end = new AbortController();
    const reason = new Error('enough');
    const placeOrder = jest.fn<() => Promise<OrderAnswer>>();
    const running = rush({
      client: {
        openSession: async () => {
          end.abort(reason);
          return { buyerId: 'b', token: 't' };
        },
        placeOrder,
      },
      buyers: 1000,
      ratePerSecond: 1000,
      ...plain,
      signal: end.signal,
    });
    await expect(running).rejects.toBe(reason);
    expect(placeOrder).not.toHaveBeenCalled();
  });
});
