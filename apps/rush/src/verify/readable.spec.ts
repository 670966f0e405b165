import { ManualClock } from '@flashmesh/core';
import type { StateAnswer } from '../run/gateway-client.ts';
import { checkReadable } from './readable.ts';

const order = { id: 'ord_1', buyerId: 'b', token: 't', time: 0 };
const later: StateAnswer = { problem: 'answer 429', later: true };

/** What the rule says of a buyer who is answered so, the last answer for ever. */
async function check(...answers: readonly [StateAnswer, ...StateAnswer[]]) {
  const clock = new ManualClock();
  let asked = 0;
  const stateOf = async (): Promise<StateAnswer> => answers[asked++] ?? answers.at(-1) ?? answers[0];
  const report = checkReadable({ stateOf }, [order], () => 'CONFIRMED', clock);
  for (let i = 0; i < 100; i++) await clock.advance(500);
  return { report: await report, asked };
}

describe('buyers read their orders', () => {
  it('holds when what they read is in the log', async () => {
    const { report, asked } = await check({ state: 'CONFIRMED' });
    expect(report).toMatchObject({ ok: true, counts: { asked: 1 } });
    expect(asked).toBe(1);
  });

  it('is broken by another state, and by an order that is not there', async () => {
    expect((await check({ state: 'PLACED' })).report.examples).toEqual([
      'ord_1 is CONFIRMED in the log, its buyer reads: PLACED',
    ]);
    const { report, asked } = await check({ problem: 'answer 404', later: false }, { state: 'CONFIRMED' });
    expect(report.ok).toBe(false);
    expect(asked).toBe(1);
  });

  it('lets buyers come again who were told so, but not for ever', async () => {
    expect((await check(later, later, { state: 'CONFIRMED' })).report.ok).toBe(true);
    const { report, asked } = await check(later);
    expect(report.examples).toEqual(['ord_1 is CONFIRMED in the log, its buyer reads: answer 429']);
    expect(asked).toBeGreaterThan(10);
  });
});
