import { ManualClock } from '@flashmesh/core';
import { Reconciler } from './reconciler.ts';

describe('Reconciler', () => {
  it.each([0, 1, 2, 3, 4, 5, 6])('runs again when it is poked %d steps after a run', async (steps) => {
    const clock = new ManualClock();
    let runs = 0;
    let ended = Promise.withResolvers<void>();
    const reconciler = new Reconciler(
      async () => {
        runs++;
        ended.resolve();
      },
      { clock },
    );
    reconciler.poke();
    await ended.promise;
    for (let step = 0; step < steps; step++) await Promise.resolve();
    ended = Promise.withResolvers<void>();
    reconciler.poke();
    await clock.advance(0);
    expect(runs).toBe(2);
    await reconciler.stop();
  });

  it('starts no second run beside the one that pokes', async () => {
    const clock = new ManualClock();
    let [runs, beside, most] = [0, 0, 0];
    const reconciler = new Reconciler(async () => {
      most = Math.max(most, ++beside);
      if (++runs === 1) reconciler.poke();
      await Promise.resolve();
      beside--;
    });
    reconciler.poke();
    await clock.advance(0);
    expect([runs, most]).toEqual([2, 1]);
    await reconciler.stop();
  });

  it('repeats a run that failed after a pause, and not when it was stopped', async () => {
    const clock = new ManualClock();
    const errors: unknown[] = [];
    let runs = 0;
    const reconciler = new Reconciler(
      () => {
        runs++;
        return Promise.reject(new Error('on purpose'));
      },
      { clock, pauseMs: 100, onError: (error) => errors.push(error) },
    );
    reconciler.poke();
    await clock.advance(0);
    await clock.advance(99);
    expect(runs).toBe(1);
    await clock.advance(1);
    expect(runs).toBe(2);
    await clock.advance(200);
    expect([runs, errors.length]).toEqual([3, 3]);
    await reconciler.stop();
    await clock.advance(10_000);
    expect([runs, clock.pending]).toEqual([3, 0]);
  });
});
