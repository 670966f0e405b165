import { ManualClock } from '@flashmesh/core';
import { SimulatedProvider } from './simulated-provider.ts';

describe('SimulatedProvider', () => {
  const clock = new ManualClock();
  const provider = new SimulatedProvider({ PROVIDER_LATENCY_MS: 5 }, clock);
  const charge = (orderId: string, paymentMethod: string) =>
    provider.charge({ orderId, amount: 500, currency: 'EUR', paymentMethod });

  it.each([
    ['tok_visa', { outcome: 'accepted', reports: 1 }],
    ['tok_decline', { outcome: 'declined', reports: 1 }],
    ['tok_twice', { outcome: 'accepted', reports: 2 }],
  ])('%s answers after its latency', async (token, expected) => {
    const answer = charge('a', token);
    await clock.advance(5);
    expect(await answer).toEqual(expected);
    expect(clock.pending).toBe(0);
  });

  it('answers tok_timeout later than any caller waits the first time, and then at once', async () => {
    const answers: string[] = [];
    const ask = async (name: string) => {
      await charge('b', 'tok_timeout');
      answers.push(name);
    };
    void ask('first');
    await clock.advance(2000);
    expect(answers).toEqual([]);
    void ask('second');
    await clock.advance(5);
    expect(answers).toEqual(['second']);
    await clock.advance(1000);
    expect(answers).toEqual(['second', 'first']);
  });
});
