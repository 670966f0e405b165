import { type Clock, requireInRange, requirePositiveInteger, systemClock, type Timer } from '@flashmesh/core';

/** What is fired, and how fast. */
export interface OpenLoopOptions {
  readonly count: number;
  /** Arrivals a second. */
  readonly ratePerSecond: number;
  /** Called for each arrival with its number and the moment it was due, in the clock's monotonic milliseconds. */
  readonly fire: (index: number, dueAt: number) => void;
  /** When it aborts, nothing more is fired. */
  readonly signal?: AbortSignal;
  /** @default systemClock */
  readonly clock?: Clock;
}

/**
 * Fires arrivals at a fixed rate, whatever becomes of them: arrival n is due n / rate seconds after the first. One that the
 * process was too busy for is fired as soon as it gets to it, with the moment it was due, so that a slow answer to it counts
 * in full (no coordinated omission).
 *
 * @returns how many have been fired, when the last one was or the signal aborted.
 *
 * @throws RangeError when a number makes no sense.
 */
export function openLoop(options: OpenLoopOptions): Promise<number> {
  const { fire, signal, clock = systemClock } = options;
  const count = requirePositiveInteger('count', options.count);
  const rate = requireInRange('ratePerSecond', options.ratePerSecond, Number.MIN_VALUE, 1e6);
  return new Promise((resolve) => {
    const start = clock.monotonic();
    const dueAt = (index: number): number => start + (index * 1000) / rate;
    let next = 0;
    const over = (): boolean => next === count || signal?.aborted === true;
    let timer: Timer | undefined;
    const end = (): void => {
      timer?.cancel();
      signal?.removeEventListener('abort', end);
      resolve(next);
    };
    const fireDue = (): void => {
      while (!over() && dueAt(next) <= clock.monotonic()) {
        const index = next++;
        fire(index, dueAt(index));
      }
      if (over()) end();
      else timer = clock.after(dueAt(next) - clock.monotonic(), fireDue);
    };
    signal?.addEventListener('abort', end, { once: true });
    fireDue();
  });
}
