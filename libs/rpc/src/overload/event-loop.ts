import { performance } from 'node:perf_hooks';
import type { Clock } from '@flashmesh/core';

/** What the event loop was like since the last reading. @internal */
export interface LoopReading {
  /** How long something that became ready had to wait for its turn, on average, in milliseconds. */
  readonly delayMs: number;
  /** Share of the time in which the loop did not wait for events, 0 to 1. */
  readonly utilization: number;
}

/** @internal */
export interface LoopSignal {
  /** A call came in: look at the loop while there are calls. */
  touch(): void;
  read(): LoopReading;
}

const PERIOD_MS = 10;

/**
 * Looks at the event loop with a timer, only while calls come in: an idle process is not woken for it. What a timer is late by is
 * what a request waits in the socket before anybody sees it, which no measure inside of a handler can show.
 *
 * @internal
 */
export class EventLoop implements LoopSignal {
  private readonly clock: Clock;
  private touched = false;
  private armed = false;
  private delay = 0;
  private looks = 0;
  private last = performance.eventLoopUtilization();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  touch(): void {
    this.touched = true;
    if (!this.armed) this.look();
  }

  read(): LoopReading {
    const delayMs = this.looks === 0 ? 0 : this.delay / this.looks;
    this.delay = 0;
    this.looks = 0;
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.last);
    this.last = now;
    return { delayMs, utilization };
  }

  private look(): void {
    this.armed = true;
    this.touched = false;
    const due = this.clock.monotonic() + PERIOD_MS;
    this.clock.after(PERIOD_MS, () => {
      this.armed = false;
      this.delay += Math.max(this.clock.monotonic() - due, 0);
      this.looks++;
      if (this.touched) this.look();
    });
  }
}
