import { type Clock, requireInRange, requireKnownOptions, systemClock, withDefaults } from '@flashmesh/core';
import { SlidingCounts } from '../balancer/sliding-counts.ts';

/** How many repeated attempts one client of a service may make. */
export interface RetryBudgetOptions {
  /** Retries and hedges per call, over the window. @default 0.2 (Finagle, Linkerd) */
  readonly ratio?: number;
  /** Retries and hedges a second that are allowed besides, so that a client with few calls may retry at all. @default 10 */
  readonly minPerSecond?: number;
  /** The window, in milliseconds. @default 10000 */
  readonly windowMs?: number;
}

const DEFAULTS: Required<RetryBudgetOptions> = { ratio: 0.2, minPerSecond: 10, windowMs: 10_000 };

/**
 * One budget for all retries and hedges to a service, so that trouble there is not multiplied by those who ask. A limit of
 * attempts per call alone would: when everything fails, three attempts each are three times the load.
 */
export class RetryBudget {
  private readonly o: Required<RetryBudgetOptions>;
  private readonly clock: Clock;
  private readonly window: SlidingCounts;

  /** @throws RangeError naming the option and the value. */
  constructor(options: RetryBudgetOptions = {}, clock: Clock = systemClock) {
    requireKnownOptions('retryBudget', options, DEFAULTS);
    this.o = withDefaults(DEFAULTS, options);
    this.clock = clock;
    requireInRange('ratio', this.o.ratio, 0, 1000);
    requireInRange('minPerSecond', this.o.minPerSecond, 0, 1_000_000);
    requireInRange('windowMs', this.o.windowMs, 100, 3_600_000);
    this.window = new SlidingCounts(this.o.windowMs);
  }

  /** A call was made. */
  deposit(): void {
    this.window.add(1, 0, this.clock.monotonic());
  }

  /** Takes one repeated attempt out; false when there is none left. */
  withdraw(): boolean {
    if (this.left < 1) return false;
    this.window.add(0, 1, this.clock.monotonic());
    return true;
  }

  /** Repeated attempts that may be made now. */
  get left(): number {
    const nowMs = this.clock.monotonic();
    const reserve = (this.o.minPerSecond * this.o.windowMs) / 1000;
    const earned = this.o.ratio * this.window.firstTotal(nowMs);
    return Math.max(Math.floor(reserve + earned - this.window.secondTotal(nowMs) + EPSILON), 0);
  }
}

/** Sums of tenths are not exact. */
const EPSILON = 1e-6;
