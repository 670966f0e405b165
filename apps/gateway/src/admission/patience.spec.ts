import { EventEmitter } from 'node:events';
import { FlashmeshError, ManualClock, unavailable } from '@flashmesh/core';
import { Patience } from './patience.ts';

describe('Patience', () => {
  const down = unavailable('DOWN', 'no instance');
  const setUp = () => {
    const clock = new ManualClock();
    return { clock, patience: new Patience({ budgetMs: 5000, clock, random: () => 0.5 }) };
  };
  /** Lets time pass until the promise is settled. */
  async function settle<T>(clock: ManualClock, running: Promise<T>): Promise<T> {
    const settled = new AbortController();
    const end = () => settled.abort();
    running.then(end, end);
    for (let i = 0; i < 1000 && !settled.signal.aborted; i++) await clock.advance(50);
    return running;
  }

  it('asks again until the answer is certain', async () => {
    const { clock, patience } = setUp();
    let asked = 0;
    const late = new FlashmeshError('deadline_exceeded', 'LATE', 'late');
    const answer = settle(
      clock,
      patience.run(async () => {
        asked++;
        if (asked === 1) throw down;
        if (asked === 2) throw late;
        return 'placed';
      }),
    );
    expect([await answer, asked, clock.pending]).toEqual(['placed', 3, 0]);
  });

  it('takes no refusal of an unread request for an answer when an attempt before may have been carried out', async () => {
    const { clock, patience } = setUp();
    const overloaded = new FlashmeshError('resource_exhausted', 'OVERLOADED', 'too busy');
    const outcomes = [down, overloaded, undefined];
    const placed = patience.run(async () => {
      const error = outcomes.shift();
      if (error) throw error;
      return 'placed';
    });
    expect(await settle(clock, placed)).toBe('placed');
    let asked = 0;
    const unknown = patience.run(async () => {
      throw asked++ === 0 ? down : overloaded;
    });
    await expect(settle(clock, unknown)).rejects.toBe(down);
  });

  it('waits with who is refused unread, and says each time that there is too much to do', async () => {
    const clock = new ManualClock();
    let turnedAway = 0;
    const patience = new Patience({ budgetMs: 5000, clock, onTurnedAway: () => turnedAway++ });
    const overloaded = new FlashmeshError('resource_exhausted', 'OVERLOADED', 'too busy');
    const outcomes = [overloaded, overloaded, undefined];
    const placed = patience.run(async () => {
      const error = outcomes.shift();
      if (error) throw error;
      return 'placed';
    });
    expect(await settle(clock, placed)).toBe('placed');
    expect(turnedAway).toBe(2);
    await expect(
      settle(
        clock,
        patience.run(() => Promise.reject(overloaded)),
      ),
    ).rejects.toBe(overloaded);
    const full = new FlashmeshError('resource_exhausted', 'BUSY', 'too many orders are on their way');
    await expect(patience.run(() => Promise.reject(full))).rejects.toBe(full);
  });

  it('takes every other error for an answer', async () => {
    const { clock, patience } = setUp();
    let asked = 0;
    const refusal = new FlashmeshError('failed_precondition', 'SOLD_OUT', 'sold out');
    const run = patience.run(async () => {
      asked++;
      throw refusal;
    });
    await expect(settle(clock, run)).rejects.toBe(refusal);
    expect(asked).toBe(1);
  });

  it('ends with the last error when the time is up, and asks at most every half second', async () => {
    const { clock, patience } = setUp();
    let asked = 0;
    const run = patience.run(async () => {
      asked++;
      throw down;
    });
    await expect(settle(clock, run)).rejects.toBe(down);
    expect(clock.monotonic()).toBeLessThanOrEqual(5050);
    expect(asked).toBeLessThanOrEqual(20);
  });

  it('stops for a buyer who has left, and leaves no timer and no listener behind', async () => {
    const { clock, patience } = setUp();
    const waiter = new EventEmitter();
    let asked = 0;
    const run = patience.run(async () => {
      asked++;
      throw down;
    }, waiter);
    const failed = run.catch((error: unknown) => error);
    await clock.advance(0);
    waiter.emit('close');
    expect(await failed).toBe(down);
    expect([asked, clock.pending, waiter.listenerCount('close')]).toEqual([1, 0, 0]);
  });

  it('refuses a budget that is none', () => {
    expect(() => new Patience({ budgetMs: 0, clock: new ManualClock() })).toThrow(RangeError);
  });
});
