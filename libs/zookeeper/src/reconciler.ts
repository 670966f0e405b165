import { type Clock, sleep, systemClock } from '@flashmesh/core';

export interface ReconcilerOptions {
  /** Told of every failed run, before the next one is planned. */
  readonly onError?: (error: unknown) => void;
  /** Pause after the first failure; doubles up to 16 times that. @default 100 */
  readonly pauseMs?: number;
  readonly clock?: Clock;
}

/**
 * Brings something in line with ZooKeeper whenever {@link Reconciler.poke} says that it may have changed: one run at a time,
 * pokes during a run cause one more, a failed run is repeated after a pause. Watch listeners poke; the work reads again.
 */
export class Reconciler {
  private readonly work: (signal: AbortSignal) => Promise<void>;
  private readonly o: ReconcilerOptions;
  private readonly stopped = new AbortController();
  private dirty = false;
  private failures = 0;
  private active = false;
  private running: Promise<void> | undefined;

  constructor(work: (signal: AbortSignal) => Promise<void>, o: ReconcilerOptions = {}) {
    this.work = work;
    this.o = o;
  }

  /** Plans a run. After {@link Reconciler.stop} it does nothing. */
  poke(): void {
    this.dirty = true;
    if (this.stopped.signal.aborted || this.active) return;
    this.active = true;
    this.running = this.run();
  }

  /** Aborts the signal of the run under way and resolves when it has ended. No other starts. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopped;
    try {
      while (this.dirty && !signal.aborted) await this.once(signal);
    } finally {
      // In the same step as the last look at `dirty`: a poke in between would be lost.
      this.active = false;
    }
  }

  private async once(signal: AbortSignal): Promise<void> {
    this.dirty = false;
    try {
      await this.work(signal);
      this.failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      this.dirty = true;
      this.o.onError?.(error);
      const pauseMs = (this.o.pauseMs ?? 100) * 2 ** Math.min(this.failures++, 4);
      await sleep(pauseMs, signal, this.o.clock ?? systemClock).catch(() => undefined);
    }
  }
}
