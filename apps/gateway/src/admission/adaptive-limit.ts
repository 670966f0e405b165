import { type Clock, requirePositiveInteger } from '@flashmesh/core';

/** Bounds of the limit, and what it aims at; what changes here holds from then on. */
export interface AdaptiveLimitOptions {
  readonly min: number;
  /** Where it begins, too. */
  readonly max: number;
  /** A request that takes longer says that too many are under way, in milliseconds. */
  readonly targetMs: number;
  readonly clock: Clock;
}

const BACKOFF = 0.8;
/** How much the limit grows when as many requests as it allows have ended in time. */
const GROWTH = 4;
const MIN_WINDOW = 10;

/**
 * How many requests may be under way: additive increase, multiplicative decrease by what they take, as TCP does it. When what is
 * behind gets slower (an upgrade takes its processor, a broker fails over), a fixed number of requests would each take so
 * much longer that they time out, and all work done for them would be lost; fewer at a time are answered.
 *
 * Judged by the half: as many requests as were under way are looked at together, and the limit falls when more than half of
 * them were slow or failed. A few slow ones there are always, and fewer at a time would not make them faster.
 */
export class AdaptiveLimit {
  private readonly options: AdaptiveLimitOptions;
  /** Infinity: the limit is at its upper bound, and follows it. */
  private current = Number.POSITIVE_INFINITY;
  private ended = 0;
  private bad = 0;
  private windowFrom = Number.NEGATIVE_INFINITY;

  /** @throws RangeError when a bound is not a positive integer, or `min` is above `max`. */
  constructor(options: AdaptiveLimitOptions) {
    requirePositiveInteger('min', options.min);
    requirePositiveInteger('max', options.max);
    requirePositiveInteger('targetMs', options.targetMs);
    if (options.min > options.max) throw new RangeError(`min must be at most max (${options.max})`);
    this.options = options;
  }

  get value(): number {
    const { min, max } = this.options;
    return Math.floor(Math.min(max, Math.max(min, this.current)));
  }

  /**
   * A request has ended.
   *
   * @param startedAt when it was let in, in the clock's monotonic milliseconds.
   * @param underWay how many were, itself included: a limit that nobody reaches does not grow.
   * @param failed it was answered with a failure, however fast.
   */
  observe(startedAt: number, underWay: number, failed: boolean): void {
    // Those that were let in before the last decision say nothing about the limit of now.
    if (startedAt < this.windowFrom) return;
    const { min, max, targetMs, clock } = this.options;
    const now = clock.monotonic();
    this.ended++;
    if (failed || now - startedAt > targetMs) this.bad++;
    if (this.ended < Math.max(MIN_WINDOW, this.value)) return;
    if (this.bad * 2 > this.ended) {
      this.current = Math.max(min, Math.min(max, this.current) * BACKOFF);
      this.windowFrom = now;
    } else if (underWay * 2 >= this.value) {
      this.current += GROWTH;
      if (this.current >= max) this.current = Number.POSITIVE_INFINITY;
    }
    this.ended = 0;
    this.bad = 0;
  }
}
