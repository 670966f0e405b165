import { type Clock, requirePositiveInteger, type Timer } from '@flashmesh/core';
import type { AdaptiveLimit } from './adaptive-limit.ts';

/** How many may be in, how many may wait to get in, and for how long; what changes here holds from then on. */
export interface WaitingRoomOptions {
  readonly limit: Pick<AdaptiveLimit, 'value' | 'observe'>;
  readonly maxWaiting: number;
  /** In milliseconds. */
  readonly maxWaitMs: number;
  readonly clock: Clock;
}

/** A place, or a place in the line. */
export interface Place {
  /** Gives the place up, or leaves the line; `failed` when what was done there failed. Once. */
  leave(failed?: boolean): void;
}

/** Who wants to get in: exactly one of the two is called, unless they leave the line before. */
export interface Visitor {
  admitted(): void;
  /** The line was full, or too slow. */
  refused(): void;
}

interface Waiter {
  readonly visitor: Visitor;
  readonly since: number;
  startedAt: number | undefined;
}

/**
 * Admission in order of arrival: some are in, some more wait, and whoever comes beyond that, or waits too long, is refused. So
 * what is behind is never asked more at a time than it can answer soon, a burst is evened out, and the wait is bounded.
 */
export class WaitingRoom {
  private readonly options: WaitingRoomOptions;
  private readonly line = new Set<Waiter>();
  private active = 0;
  private timer: Timer | undefined;
  private closed = false;

  /** @throws RangeError when a bound is not a positive integer. */
  constructor(options: WaitingRoomOptions) {
    requirePositiveInteger('maxWaiting', options.maxWaiting);
    requirePositiveInteger('maxWaitMs', options.maxWaitMs);
    this.options = options;
  }

  /** How many are in. */
  get running(): number {
    return this.active;
  }

  /** How many wait. */
  get waiting(): number {
    return this.line.size;
  }

  /** Admits now or when it is its turn; refuses now when the line is full, or later when the turn does not come in time. */
  enter(visitor: Visitor): Place {
    const { limit, maxWaiting, clock } = this.options;
    const waiter: Waiter = { visitor, since: clock.monotonic(), startedAt: undefined };
    if (this.closed) visitor.refused();
    else if (this.line.size === 0 && this.active < limit.value) this.admit(waiter);
    else if (this.line.size >= maxWaiting) visitor.refused();
    else {
      this.line.add(waiter);
      this.watch();
    }
    return {
      leave: (failed = false) => {
        if (waiter.startedAt === undefined) this.line.delete(waiter);
        else {
          limit.observe(waiter.startedAt, this.active, failed);
          this.active--;
          this.letIn();
        }
      },
    };
  }

  /** What is behind refused somebody who was let in, or does so again: fewer are let in at a time. */
  pushBack(): void {
    const { limit, clock } = this.options;
    limit.observe(clock.monotonic(), this.active, true);
  }

  /** The options have changed: who may be in now is let in, and who has waited too long by now is refused. */
  adjust(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.letIn();
    this.refuseLate();
    this.watch();
  }

  /**
   * This instance stops: refuses everybody in line, and whoever comes from now on. Those who are in stay in, and so they are all done
   * after the time that one of them may take.
   */
  close(): void {
    this.closed = true;
    this.timer?.cancel();
    for (const { visitor } of this.line) visitor.refused();
    this.line.clear();
  }

  private admit(waiter: Waiter): void {
    waiter.startedAt = this.options.clock.monotonic();
    this.active++;
    waiter.visitor.admitted();
  }

  private letIn(): void {
    for (const waiter of this.line) {
      if (this.active >= this.options.limit.value) return;
      this.line.delete(waiter);
      this.admit(waiter);
    }
  }

  /** Looks again when the first in line has waited for too long; the others came later. */
  private watch(): void {
    const [first] = this.line;
    if (this.timer || !first) return;
    const { clock, maxWaitMs } = this.options;
    this.timer = clock.after(Math.max(first.since + maxWaitMs - clock.monotonic(), 1), () => {
      this.timer = undefined;
      this.refuseLate();
      this.watch();
    });
  }

  private refuseLate(): void {
    const { clock, maxWaitMs } = this.options;
    for (const waiter of this.line) {
      if (waiter.since + maxWaitMs > clock.monotonic()) return;
      this.line.delete(waiter);
      waiter.visitor.refused();
    }
  }
}
