/** A timer that somebody owns: `cancel` ends it; cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time, injected so that tests decide what time it is. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch; may jump. For timestamps. */
  now(): number;
  /** Milliseconds since some fixed moment; never goes back. For durations and deadlines. */
  monotonic(): number;
  /** Calls `callback` once after `delayMs` of monotonic time. The timer does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer;
}

/** The longest delay that Node's timers hold; a longer one would fire at once. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_DELAY_MS));
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
};

interface PendingTimer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock for tests: time passes only through {@link ManualClock.advance}. */
export class ManualClock implements Clock {
  private elapsed = 0;
  private readonly start: number;
  private readonly timers = new Set<PendingTimer>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.start = startMs;
  }

  now(): number {
    return this.start + this.elapsed;
  }

  monotonic(): number {
    return this.elapsed;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { at: this.elapsed + Math.max(delayMs, 0), callback };
    this.timers.add(timer);
    return { cancel: () => this.timers.delete(timer) };
  }

  /** How many timers wait: a test asserts 0 to show that nothing leaks. */
  get pending(): number {
    return this.timers.size;
  }

  /** Lets `ms` pass, firing due timers in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const target = this.elapsed + ms;
    for (;;) {
      const due = [...this.timers].filter((timer) => timer.at <= target).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.timers.delete(due);
      this.elapsed = due.at;
      due.callback();
      await settle();
    }
    this.elapsed = target;
    await settle();
  }
}

/** Lets everything that is ready in the microtask and immediate queues run. */
async function settle(): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(resolve));
}
