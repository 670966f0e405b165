import type { Topic } from '@flashmesh/contracts';
import { type Clock, messageOf, sleep } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { DeadLetters } from './dead-letters.ts';
import type { FetchedBatch, FetchedRecord } from './driver.ts';
import { decodeEvent, type IncomingEvent } from './envelope.ts';
import { LaneQueue } from './lane-queue.ts';
import type { PartitionOwner } from './partition-owner.ts';
import { PositionLost } from './position-lost.ts';
import { RetryBudget, type RetryPolicy } from './retry-policy.ts';

/** Who handles the events of a topic, and how. */
export interface Subscription {
  readonly topic: Topic<unknown>;
  /** Events per call, at most. */
  readonly batch: number;
  readonly handle: (events: IncomingEvent<unknown>[]) => Promise<void>;
  /** Who keeps the positions; Kafka when absent. */
  readonly owner?: PartitionOwner;
}

/** What a lane may do to the fetching of its partition. */
export interface LaneFlow {
  seek(offset: number): void;
  pause(): void;
  resume(): void;
}

/** What a lane shares with the other lanes of its consumer. */
export interface LaneServices {
  readonly deadLetters: Pick<DeadLetters, 'put'>;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Records that wait before fetching of the partition pauses, and below which it resumes. */
const HIGH_WATER = 2000;
const LOW_WATER = 500;
/** How long a full lane holds up the fetching of all partitions, hoping to drain, before it pauses its own. */
const GRACE_MS = 50;
/** Stale fetches in a row after which the log itself must have changed. */
const MAX_STALE = 5;
/** Wait before a partition is claimed again from somebody who claimed it later: most often the group moved it there. */
const FENCED_PAUSE_MS = 1000;

/**
 * One assigned partition: takes over what is fetched, and hands it to the handler in order. It works apart from the fetching,
 * so a handler that is slow or that waits for a broken neighbour holds up neither other partitions nor heartbeats.
 */
export class Lane {
  readonly topic: string;
  readonly partition: number;
  /** Resolves when the lane is closed and its last handler has ended. */
  readonly done: Promise<void>;
  /** The next offset to handle, as soon as it is known. */
  position: number | undefined;
  private readonly subscription: Subscription;
  private readonly flow: LaneFlow;
  private readonly services: LaneServices;
  private readonly queue = new LaneQueue();
  private readonly closing = new AbortController();
  /** Where the next fetch must begin; undefined as long as any beginning is right. */
  private expected: number | undefined;
  /** Whether the lane has its place: fetched records count. */
  private open = false;
  private paused = false;
  private stale = 0;
  private wake = Promise.withResolvers<void>();
  private drained: (() => void) | undefined;

  constructor(
    partition: number,
    subscription: Subscription,
    flow: LaneFlow,
    services: LaneServices,
    start: { previous?: Promise<void>; position?: () => number | undefined } = {},
  ) {
    this.topic = subscription.topic.name;
    this.partition = partition;
    this.subscription = subscription;
    this.flow = flow;
    this.services = services;
    this.done = this.run(start);
  }

  /** Takes over a fetched batch; resolves soon, when more may be fetched. */
  async offer(batch: FetchedBatch): Promise<void> {
    if (this.closing.signal.aborted || !this.open) return;
    if (this.expected !== undefined && batch.fetchedOffset !== this.expected && !this.logChanged(batch)) {
      this.flow.seek(this.expected);
      return;
    }
    this.stale = 0;
    this.queue.push(batch, this.expected);
    this.expected = batch.nextOffset;
    this.wake.resolve();
    if (this.queue.length < HIGH_WATER) return;
    const drained = new Promise<void>((resolve) => {
      this.drained = resolve;
    });
    await Promise.race([drained, sleep(GRACE_MS, undefined, this.services.clock)]);
    if (this.queue.length < HIGH_WATER || this.closing.signal.aborted) return;
    this.paused = true;
    this.flow.pause();
  }

  /** Claims the partition again, after the running handler, and goes on from what its owner says. */
  restart(): void {
    if (!this.subscription.owner) return;
    this.open = false;
    this.queue.clear();
    this.wake.resolve();
  }

  /** Takes nothing more; the running handler may end, its retries are given up. */
  close(): void {
    this.closing.abort();
    this.wake.resolve();
    this.drained?.();
  }

  private async run(start: { previous?: Promise<void>; position?: () => number | undefined }): Promise<void> {
    const { signal } = this.closing;
    this.flow.pause();
    if (start.previous) await start.previous;
    if (!this.subscription.owner) this.beginAt(start.position?.());
    let failures = new RetryBudget(this.services.retry);
    while (!signal.aborted) {
      try {
        await this.step();
        failures = new RetryBudget(this.services.retry);
      } catch (error) {
        if (signal.aborted) break;
        const decision = failures.decide(error);
        await this.recover(decision.action === 'retry' ? decision.delayMs : FENCED_PAUSE_MS, error);
      }
    }
  }

  private beginAt(position: number | undefined): void {
    if (this.closing.signal.aborted) return;
    this.open = true;
    this.paused = false;
    this.position = position;
    this.expected = position;
    if (position !== undefined) this.flow.seek(position);
    this.flow.resume();
  }

  private async step(): Promise<void> {
    if (!this.open) return await this.claim();
    const taken = this.queue.take(this.subscription.batch);
    if (!taken) {
      this.wake = Promise.withResolvers();
      return await this.wake.promise;
    }
    if (this.queue.length < LOW_WATER) this.letFlow();
    await this.handle(taken.records);
    // A restart meanwhile wants another position.
    if (this.open) this.position = taken.nextOffset;
  }

  private async claim(): Promise<void> {
    const { owner } = this.subscription;
    if (!owner) return;
    this.flow.pause();
    this.queue.clear();
    let restarted = false;
    const control = {
      restart: () => {
        restarted = true;
        this.restart();
      },
    };
    const offset = await owner.assigned(this.partition, control);
    // Asked for while the claim was under way: what was claimed is already void.
    if (restarted || this.closing.signal.aborted) return;
    this.services.logger.debug({ topic: this.topic, partition: this.partition, offset }, 'partition claimed');
    this.beginAt(offset);
  }

  private async recover(delayMs: number, error: unknown): Promise<void> {
    const { logger, clock } = this.services;
    const where = { topic: this.topic, partition: this.partition };
    let pauseMs = delayMs;
    if (error instanceof PositionLost) {
      logger.warn({ ...where, reason: error.reason }, `position lost: ${error.message}`);
      pauseMs = error.reason === 'FENCED' ? FENCED_PAUSE_MS : delayMs;
    } else {
      logger.error({ ...where, err: error }, `cannot claim the partition: ${messageOf(error)}`);
    }
    this.restart();
    // Cut short when the lane closes, which the caller sees for itself.
    await this.pauseFor(pauseMs, clock).catch(() => undefined);
  }

  private async handle(records: readonly FetchedRecord[]): Promise<void> {
    const events: IncomingEvent<unknown>[] = [];
    const byEvent = new Map<IncomingEvent<unknown>, FetchedRecord>();
    for (const record of records) {
      try {
        const event = decodeEvent(this.subscription.topic, this.partition, record);
        events.push(event);
        byEvent.set(event, record);
      } catch (error) {
        await this.deadLetter(record, error);
      }
    }
    if (events.length > 0) await this.handleEvents(events, byEvent, this.services.retry);
  }

  private async handleEvents(
    events: IncomingEvent<unknown>[],
    records: ReadonlyMap<IncomingEvent<unknown>, FetchedRecord>,
    retry: RetryPolicy,
  ): Promise<void> {
    const [first] = events;
    const record = first && records.get(first);
    if (!record) return;
    const failure = await this.attempt(() => this.subscription.handle(events), retry, record.offset);
    if (failure === undefined) return;
    if (events.length === 1) return await this.deadLetter(record, failure.error);
    // One of them is the poison; each alone shows which. The batch has had its attempts, so a single one gets one.
    for (const event of events) await this.handleEvents([event], records, { ...retry, poisonAttempts: 1 });
  }

  private async deadLetter(record: FetchedRecord, error: unknown): Promise<void> {
    const always = { ...this.services.retry, poisonAttempts: Infinity };
    const put = () => this.services.deadLetters.put(this.topic, this.partition, record, error);
    await this.attempt(put, always, record.offset);
  }

  /** Runs until it works; answers the failure when the attempts are used up. Throws when the lane closes or lost its place. */
  private async attempt(
    run: () => Promise<void>,
    retry: RetryPolicy,
    offset: number,
  ): Promise<{ error: unknown } | undefined> {
    const budget = new RetryBudget(retry);
    for (;;) {
      try {
        await run();
        return undefined;
      } catch (error) {
        if (this.closing.signal.aborted) throw error;
        if (error instanceof PositionLost && this.subscription.owner) throw error;
        const decision = budget.decide(error);
        if (decision.action === 'give-up') return { error };
        const where = { topic: this.topic, partition: this.partition, offset, delayMs: decision.delayMs };
        this.services.logger.warn({ ...where, error: messageOf(error) }, 'handler failed, trying again');
        await this.pauseFor(decision.delayMs, this.services.clock);
      }
    }
  }

  /** @throws when the lane closes meanwhile */
  private async pauseFor(delayMs: number, clock: Clock): Promise<void> {
    await sleep(delayMs, this.closing.signal, clock);
  }

  private letFlow(): void {
    this.drained?.();
    if (!this.paused) return;
    this.paused = false;
    this.flow.resume();
  }

  /**
   * A batch that begins elsewhere was fetched before a seek, and is fetched again from the right place. When that never comes
   * the place is no longer in the log (its beginning was deleted), and reading goes on where the log does.
   */
  private logChanged(batch: FetchedBatch): boolean {
    if (++this.stale < MAX_STALE) return false;
    const where = { topic: this.topic, partition: this.partition };
    this.services.logger.error(
      { ...where, expected: this.expected, offset: batch.fetchedOffset },
      'the log no longer holds the expected offset: records were lost, or the topic was created again',
    );
    return true;
  }
}
