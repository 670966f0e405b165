import type { Clock, Timer } from '@flashmesh/core';

/**
 * A process that can be frozen, as by SIGSTOP: while it is, none of its timers fires and nothing reaches it, but time goes on. When it
 * wakes, what was due happens at once, in order.
 */
export class SimulatedProcess {
  readonly clock: Clock;
  private readonly realClock: Clock;
  private readonly held: (() => unknown)[] = [];
  private frozenSince: number | undefined;
  private frozenMs = 0;
  private timers = 0;

  constructor(clock: Clock) {
    this.realClock = clock;
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      after: (delayMs, callback): Timer => {
        let over = false;
        this.timers++;
        const end = () => {
          if (!over) this.timers--;
          over = true;
        };
        const fire = () => {
          if (over) return;
          end();
          callback();
        };
        const timer = clock.after(delayMs, () => this.run(fire));
        return {
          cancel: () => {
            end();
            timer.cancel();
          },
        };
      },
    };
  }

  /** Timers that wait: when its client is closed, none. */
  get pendingTimers(): number {
    return this.timers;
  }

  /** How long it was frozen so far, all in all. */
  get totalFrozenMs(): number {
    const since = this.frozenSince;
    return this.frozenMs + (since === undefined ? 0 : this.realClock.monotonic() - since);
  }

  /** Runs it now, or when the process wakes. */
  run(step: () => unknown): void {
    if (this.frozenSince === undefined && this.held.length === 0) step();
    else this.held.push(step);
  }

  freeze(): void {
    this.frozenSince ??= this.realClock.monotonic();
  }

  wake(): void {
    if (this.frozenSince === undefined) return;
    this.frozenMs = this.totalFrozenMs;
    this.frozenSince = undefined;
    this.catchUp();
  }

  /** One thing after the other, as an event loop does: what follows from one comes before the next. */
  private catchUp(): void {
    if (this.frozenSince !== undefined) return;
    this.held.shift()?.();
    if (this.held.length > 0) this.realClock.after(0, () => this.catchUp());
  }
}
