import { ManualClock } from '@flashmesh/core';
import type { LiveSettings } from '@flashmesh/service';
import type { PaymentSettings } from '../env.ts';
import { SimulatedProvider } from './simulated-provider.ts';

describe('SimulatedProvider', () => {
  const clock = new ManualClock();
  const off = {
    providerLatencyMs: 5,
    providerDeclineShare: 0,
    providerTimeoutShare: 0,
    providerErrorShare: 0,
  };
  const settings: { current: PaymentSettings } = { current: off };
  const provider = new SimulatedProvider(settings as LiveSettings<PaymentSettings>, clock, () => 0.5);
  afterEach(() => {
    settings.current = off;
  });
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

  it('follows the settings from one call to the next', async () => {
    settings.current = { ...off, providerDeclineShare: 1, providerLatencyMs: 50 };
    const declined = charge('c', 'tok_ok');
    await clock.advance(50);
    expect(await declined).toMatchObject({ outcome: 'declined' });

    settings.current = { ...off, providerTimeoutShare: 1 };
    const late = charge('d', 'tok_ok');
    await clock.advance(2999);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await late).toMatchObject({ outcome: 'accepted' });

    settings.current = { ...off, providerErrorShare: 0.51 };
    const calls = Promise.allSettled([charge('e', 'tok_ok'), provider.cancel()]);
    await clock.advance(5);
    expect(await calls).toMatchObject([
      { reason: { kind: 'unavailable', code: 'PROVIDER_UNAVAILABLE' } },
      { reason: { kind: 'unavailable', code: 'PROVIDER_UNAVAILABLE' } },
    ]);
    settings.current = { ...off, providerErrorShare: 0.5 };
    const fine = charge('e', 'tok_ok');
    await clock.advance(5);
    expect(await fine).toMatchObject({ outcome: 'accepted' });
  });
});
