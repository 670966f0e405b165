import { behaviourOf } from './behaviour.ts';

describe('behaviourOf', () => {
  const none = { declineShare: 0, timeoutShare: 0 };
  const orders = Array.from({ length: 1000 }, (_, i) => `ord_${i}`);

  it.each([
    ['tok_visa', { declines: false, answersLate: false, reports: 1 }],
    ['tok_decline_funds', { declines: true, answersLate: false, reports: 1 }],
    ['tok_timeout', { declines: false, answersLate: true, reports: 1 }],
    ['tok_twice_1', { declines: false, answersLate: false, reports: 2 }],
  ])('%s stands for the same with every order while there are no faults', (token, behaviour) => {
    for (const order of orders) expect(behaviourOf(token, order, none)).toEqual(behaviour);
  });

  it('hits about its share of the orders, each fault others, and always the same', () => {
    const faults = { declineShare: 0.2, timeoutShare: 0.2 };
    const first = orders.map((order) => behaviourOf('tok_ok', order, faults));
    expect(orders.map((order) => behaviourOf('tok_ok', order, faults))).toEqual(first);
    const declined = first.filter(({ declines }) => declines).length;
    const late = first.filter(({ answersLate }) => answersLate).length;
    const both = first.filter(({ declines, answersLate }) => declines && answersLate).length;
    for (const count of [declined, late]) expect(Math.abs(count - 200)).toBeLessThan(60);
    expect(both).toBeLessThan(100);
    const all = { declineShare: 1, timeoutShare: 1 };
    expect(orders.every((order) => behaviourOf('tok_ok', order, all).declines)).toBe(true);
  });
});
