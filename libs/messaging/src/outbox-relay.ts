import { type Clock, messageOf, sleep } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { PositionLost } from './position-lost.ts';

/** What a relay works on. */
export interface OutboxRelayOptions {
  /**
   * Trims the outbox to what was not among the first `published` entries of its epoch (-1: trims nothing), and answers how
   * many were trimmed in all, and the next entries.
   */
  readonly next: (published: number) => Promise<{ relayed: number; entries: string[] }>;
  /** Appends the entries to the log, in order; resolves when that is durable. */
  readonly publish: (entries: readonly string[]) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 2000;

/**
 * Publishes the outbox of one partition in order: an entry leaves the outbox only after the log has it. A relay that ends in
 * between leaves entries that its successor publishes again, with the same ids.
 */
export class OutboxRelay {
  private readonly options: OutboxRelayOptions;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  private pending = true;
  private wake = Promise.withResolvers<void>();
  private readonly idleWaiters: (() => void)[] = [];

  constructor(options: OutboxRelayOptions) {
    this.options = options;
    this.running = this.run();
  }

  /** There is something in the outbox. */
  kick(): void {
    this.pending = true;
    this.wake.resolve();
  }

  /** Resolves when the outbox was seen empty after this call, or the relay has stopped. */
  idle(): Promise<void> {
    if (this.stopping.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.idleWaiters.push(resolve);
      this.kick();
    });
  }

  /** Starts nothing more; resolves when what was begun has ended. */
  stop(): Promise<void> {
    this.stopping.abort();
    this.wake.resolve();
    return this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    let published = -1;
    let delayMs = RETRY_MIN_MS;
    while (!signal.aborted) {
      if (!this.pending) {
        await this.wake.promise;
        continue;
      }
      // Reset before the look: what arrives during it is looked at again.
      this.pending = false;
      this.wake = Promise.withResolvers();
      const waiters = this.idleWaiters.splice(0);
      try {
        published = await this.drain(published);
        delayMs = RETRY_MIN_MS;
        for (const resolve of waiters) resolve();
      } catch (error) {
        this.idleWaiters.push(...waiters);
        if (error instanceof PositionLost) break;
        this.options.logger.warn({ error: messageOf(error), delayMs }, 'outbox not relayed, trying again');
        this.pending = true;
        // Ends early when stopping, which the loop sees.
        await sleep(delayMs, signal, this.options.clock).catch(() => undefined);
        delayMs = Math.min(delayMs * 2, RETRY_MAX_MS);
      }
    }
    this.stopping.abort();
    for (const resolve of this.idleWaiters.splice(0)) resolve();
  }

  private async drain(from: number): Promise<number> {
    let published = from;
    while (!this.stopping.signal.aborted) {
      const { relayed, entries } = await this.options.next(published);
      if (entries.length === 0) return relayed;
      await this.options.publish(entries);
      published = relayed + entries.length;
    }
    return published;
  }
}
