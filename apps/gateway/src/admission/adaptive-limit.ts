import { type Clock, requirePositiveInteger } from '@flashmesh/core';

/** Bounds of the limit, and what it aims at. */
export interface AdaptiveLimitOptions {
  readonly min: number;
  /** Where it begins, too. */
  readonly max: number;
  /** A request that takes longer says that too many are under way, in milliseconds. */
  readonly targetMs: number;
  readonly clock: Clock;
}

const BACKOFF = 0.8;
/** How much the limit grows in the time of one request, while it is used. */
const GROWTH = 4;

/**
 * How many requests may be under way: additive increase, multiplicative decrease by what they take, as TCP does it. When what is
 * behind gets slower (an upgrade takes its processor, a broker fails over), a fixed number of requests would each take so
 * much longer that they time out, and all work done for them would be lost; fewer at a time are answered.
 */
export class AdaptiveLimit {
  private readonly options: AdaptiveLimitOptions;
  private current: number;
  private decreasedAt = Number.NEGATIVE_INFINITY;

  /** @throws RangeError when a bound is not a positive integer, or `min` is above `max`. */
  constructor(options: AdaptiveLimitOptions) {
    requirePositiveInteger('min', options.min);
    requirePositiveInteger('max', options.max);
    requirePositiveInteger('targetMs', options.targetMs);
    if (options.min > options.max) throw new RangeError(`min must be at most max (${options.max})`);
    this.options = options;
    this.current = options.max;
  }

  get value(): number {
    return Math.floor(this.current);
  }

  /**
   * A request has ended.
   *
   * @param startedAt when it was let in, in the clock's monotonic milliseconds.
   * @param underWay how many were, itself included: a limit that nobody reaches does not grow.
   * @param failed it was answered with a failure, however fast.
   */
  observe(startedAt: number, underWay: number, failed: boolean): void {
    const { min, max, targetMs, clock } = this.options;
    const now = clock.monotonic();
    if (failed || now - startedAt > targetMs) {
      // Those that were let in before the last decrease say nothing about the limit of now.
      if (startedAt < this.decreasedAt) return;
      this.current = Math.max(min, this.current * BACKOFF);
      this.decreasedAt = now;
    } else if (underWay * 2 >= this.current) {
      this.current = Math.min(max, this.current + GROWTH / this.current);
    }
  }
}
