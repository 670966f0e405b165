import { type Clock, requireInRange, requirePositiveInteger, systemClock } from '@flashmesh/core';

/** What is fired, and how fast. */
export interface OpenLoopOptions {
  readonly count: number;
  /** Arrivals a second. */
  readonly ratePerSecond: number;
  /** Called for each arrival with its number and the moment it was due, in the clock's monotonic milliseconds. */
  readonly fire: (index: number, dueAt: number) => void;
  /** @default systemClock */
  readonly clock?: Clock;
}

/**
 * Fires arrivals at a fixed rate, whatever becomes of them: arrival n is due n / rate seconds after the first. One that the
 * process was too busy for is fired as soon as it gets to it, with the moment it was due, so that a slow answer to it counts
 * in full (no coordinated omission). Resolves when the last one has been fired.
 *
 * @throws RangeError when a number makes no sense.
 */
export function openLoop(options: OpenLoopOptions): Promise<void> {
  const { fire, clock = systemClock } = options;
  const count = requirePositiveInteger('count', options.count);
  const rate = requireInRange('ratePerSecond', options.ratePerSecond, Number.MIN_VALUE, 1e6);
  return new Promise((resolve) => {
    const start = clock.monotonic();
    const dueAt = (index: number): number => start + (index * 1000) / rate;
    let next = 0;
    const fireDue = (): void => {
      for (; next < count && dueAt(next) <= clock.monotonic(); next++) fire(next, dueAt(next));
      if (next === count) resolve();
      else clock.after(dueAt(next) - clock.monotonic(), fireDue);
    };
    fireDue();
  });
}
