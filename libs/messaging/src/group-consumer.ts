import { type Clock, messageOf, sleep, type Timer, within } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { ConsumerListener, DriverConsumer } from './driver.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import { Lane, type LaneServices, type Subscription } from './lane.ts';
import { isTransient } from './transient.ts';

/** A subscription, and where it begins. */
export interface GroupSubscription extends Subscription {
  readonly from: 'earliest' | 'latest';
}

/** How a {@link GroupConsumer} behaves. */
export interface GroupConsumerOptions {
  readonly connection: Pick<KafkaConnection, 'openConsumer' | 'reader'>;
  readonly group: string;
  /** Whether the group's positions are kept in Kafka. Without, every start begins where its subscriptions say. */
  readonly remembers: boolean;
  readonly subscriptions: readonly GroupSubscription[];
  readonly services: LaneServices;
  readonly sessionTimeoutMs: number;
  readonly paceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const COMMIT_INTERVAL_MS = 200;
const WATCH_INTERVAL_MS = 1000;
/** A consumer that neither fetched nor sent a heartbeat for so many session timeouts is stuck. */
const STALLED_SESSIONS = 5;
const REOPEN_MIN_MS = 200;
const REOPEN_MAX_MS = 5000;
const FIRST_JOIN_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5000;

/**
 * A member of a consumer group that stays one: opens a consumer, gives every assigned partition a {@link Lane}, stores
 * positions, and opens another consumer when this one crashes or falls silent.
 */
export class GroupConsumer {
  private readonly options: GroupConsumerOptions;
  private readonly subscriptions: ReadonlyMap<string, GroupSubscription>;
  private readonly lanes = new Map<string, Lane>();
  /** Lanes that closed, until their last handler ends: their successors wait for it. */
  private readonly leaving = new Map<string, Lane>();
  private readonly startPositions = new Map<string, number>();
  private readonly committed = new Map<string, number>();
  private readonly stopping = new AbortController();
  private consumer: DriverConsumer | undefined;
  private failed = Promise.withResolvers<Error>();
  private lastActivity = 0;
  private watch: Timer | undefined;
  private committing: Promise<void> | undefined;
  private running: Promise<void> | undefined;

  constructor(options: GroupConsumerOptions) {
    this.options = options;
    this.subscriptions = new Map(options.subscriptions.map((each) => [each.topic.name, each]));
  }

  /** Whether it is a member of its group now. */
  get healthy(): boolean {
    return this.consumer !== undefined;
  }

  /**
   * Resolves when it has joined its group for the first time. A Kafka that is still starting, e.g. whose group coordinator
   * loads, is asked again for half a minute.
   *
   * @throws what kept it from joining
   */
  async start(): Promise<void> {
    const { clock, group, logger } = this.options;
    const deadline = clock.monotonic() + FIRST_JOIN_TIMEOUT_MS;
    for (;;) {
      try {
        await this.findStartPositions();
        await this.open();
        break;
      } catch (error) {
        if (!isTransient(error) || clock.monotonic() > deadline) throw error;
        logger.info({ group, error: messageOf(error) }, 'cannot join the consumer group yet');
        await sleep(REOPEN_MIN_MS, this.stopping.signal, clock);
      }
    }
    this.running = this.supervise();
  }

  /** Lets running handlers end, stores positions and leaves the group. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.failed.resolve(new Error('stopped'));
    await this.running;
  }

  private async supervise(): Promise<void> {
    const { logger, group, clock } = this.options;
    const { signal } = this.stopping;
    let delayMs = REOPEN_MIN_MS;
    while (!signal.aborted) {
      if (this.consumer) {
        const error = await this.failed.promise;
        await this.leave();
        if (signal.aborted) break;
        logger.warn({ group, error: error.message }, 'consumer failed, joining again');
      }
      // Ends early when stopping, which the loop sees.
      await sleep(delayMs, signal, clock).catch(() => undefined);
      if (signal.aborted) break;
      try {
        await this.open();
        delayMs = REOPEN_MIN_MS;
      } catch (error) {
        delayMs = Math.min(delayMs * 2, REOPEN_MAX_MS);
        logger.warn(
          { group, error: messageOf(error), delayMs },
          'cannot join the consumer group, trying again',
        );
      }
    }
    await this.leave();
  }

  private async open(): Promise<void> {
    const { connection, group, sessionTimeoutMs, paceMs, subscriptions } = this.options;
    const failed = Promise.withResolvers<Error>();
    this.failed = failed;
    this.touch();
    let current = true;
    const listener: ConsumerListener = {
      onAssigned: (consumer, assignment) => {
        if (current && !this.stopping.signal.aborted) this.assign(consumer, assignment);
      },
      onRebalancing: () => void this.commit(),
      onBatch: async (batch) => {
        if (current) await this.lanes.get(laneKey(batch.topic, batch.partition))?.offer(batch);
      },
      onActivity: () => this.touch(),
      onFailure: (error) => {
        if (!current) return;
        current = false;
        failed.resolve(error);
      },
    };
    const topics = subscriptions.map(({ topic, from }) => ({
      name: topic.name,
      fromBeginning: from === 'earliest',
    }));
    try {
      this.consumer = await connection.openConsumer({ group, topics, sessionTimeoutMs, paceMs }, listener);
    } catch (error) {
      current = false;
      this.closeLanes();
      throw error;
    }
    this.tick();
  }

  /** A new generation of the group: every partition gets a new lane, which waits until the one before it has ended. */
  private assign(consumer: DriverConsumer, assignment: ReadonlyMap<string, readonly number[]>): void {
    const before = new Map(this.lanes);
    for (const lane of this.lanes.values()) this.retire(lane);
    this.lanes.clear();
    for (const [topic, partitions] of assignment) {
      const subscription = this.subscriptions.get(topic);
      if (!subscription) continue;
      for (const partition of partitions) {
        const key = laneKey(topic, partition);
        const previous = this.leaving.get(key);
        const kept = before.get(key);
        before.delete(key);
        const flow = {
          seek: (offset: number) => consumer.seek(topic, partition, offset),
          pause: () => consumer.pause(topic, partition),
          resume: () => consumer.resume(topic, partition),
        };
        // What a lane handled and did not commit yet need not be handled again; its successor knows when it has ended.
        const continued = this.options.remembers ? kept : (kept ?? previous);
        const position = () => continued?.position ?? this.startPositions.get(key);
        const start = { previous: previous?.done, position };
        this.lanes.set(key, new Lane(partition, subscription, flow, this.options.services, start));
      }
    }
    for (const lane of before.values()) this.revoke(lane);
    this.committed.clear();
  }

  private retire(lane: Lane): void {
    const key = laneKey(lane.topic, lane.partition);
    lane.close();
    this.leaving.set(key, lane);
    // A lane that never remembers positions elsewhere is kept for the position that it reached.
    if (!this.options.remembers) return;
    void lane.done.then(() => {
      if (this.leaving.get(key) === lane) this.leaving.delete(key);
    });
  }

  private revoke(lane: Lane): void {
    this.subscriptions.get(lane.topic)?.owner?.revoked(lane.partition);
  }

  private closeLanes(): void {
    for (const lane of this.lanes.values()) {
      this.retire(lane);
      this.revoke(lane);
    }
    this.lanes.clear();
  }

  private async leave(): Promise<void> {
    const { consumer } = this;
    if (!consumer) return;
    const { logger, group, clock } = this.options;
    this.watch?.cancel();
    const lanes = [...this.lanes.values()];
    for (const lane of lanes) lane.close();
    try {
      await within(
        Promise.all(lanes.map(({ done }) => done)),
        CLOSE_TIMEOUT_MS,
        'ending handlers',
        undefined,
        clock,
      );
      if (this.stopping.signal.aborted) {
        await within(this.commit(), CLOSE_TIMEOUT_MS, 'the last commit', undefined, clock);
      }
    } catch (error) {
      logger.warn({ group, error: messageOf(error) }, 'left handlers behind');
    }
    this.closeLanes();
    this.consumer = undefined;
    try {
      await within(consumer.close(), CLOSE_TIMEOUT_MS, 'leaving the group', undefined, clock);
    } catch (error) {
      logger.warn({ group, error: messageOf(error) }, 'could not leave the consumer group properly');
    }
  }

  private tick(): void {
    const { clock, sessionTimeoutMs } = this.options;
    const { failed } = this;
    let sinceWatch = 0;
    const next = () => {
      this.watch = clock.after(COMMIT_INTERVAL_MS, () => {
        void this.commit();
        sinceWatch += COMMIT_INTERVAL_MS;
        if (sinceWatch >= WATCH_INTERVAL_MS) {
          sinceWatch = 0;
          const silentMs = clock.monotonic() - this.lastActivity;
          if (silentMs > STALLED_SESSIONS * sessionTimeoutMs) {
            failed.resolve(new Error('the consumer fell silent'));
          }
        }
        next();
      });
    };
    next();
  }

  private touch(): void {
    this.lastActivity = this.options.clock.monotonic();
  }

  /** Stores what lanes have reached. A failure is left to the next time: at worst, records are handled again. */
  private commit(): Promise<void> {
    this.committing ??= this.commitNow().finally(() => {
      this.committing = undefined;
    });
    return this.committing;
  }

  private async commitNow(): Promise<void> {
    const { consumer } = this;
    if (!this.options.remembers || !consumer) return;
    const positions = [...this.lanes].flatMap(([key, { topic, partition, position }]) =>
      position === undefined || this.committed.get(key) === position
        ? []
        : [{ key, topic, partition, offset: position }],
    );
    if (positions.length === 0) return;
    try {
      await consumer.commit(positions);
      for (const { key, offset } of positions) this.committed.set(key, offset);
    } catch (error) {
      this.options.logger.debug({ error: messageOf(error) }, 'positions not committed this time');
    }
  }

  /** A broadcast from the latest begins at the end as of the start, not of the moment when partitions are assigned. */
  private async findStartPositions(): Promise<void> {
    const { connection, remembers, subscriptions } = this.options;
    if (remembers) return;
    for (const { topic, from } of subscriptions) {
      for (const range of await connection.reader.ranges(topic.name)) {
        const start = from === 'latest' ? range.end : range.from;
        this.startPositions.set(laneKey(topic.name, range.partition), start);
      }
    }
  }
}

function laneKey(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
