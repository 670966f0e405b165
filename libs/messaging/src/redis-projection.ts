import { randomUUID } from 'node:crypto';
import { type Clock, messageOf, sleep, systemClock, throwIfAborted, type Timer } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { Redis } from 'ioredis';
import type { EventProducer, OutboxEvent } from './event-producer.ts';
import { OutboxRelay } from './outbox-relay.ts';
import type { PartitionControl, PartitionOwner } from './partition-owner.ts';
import { PositionLost } from './position-lost.ts';
import { PartitionScripts } from './partition-scripts.ts';
import { ClaimedRun, type ProjectionRun } from './projection-run.ts';
import { CLAIM, FORGET, RELAY } from './projection-scripts.ts';
import type { Script, ScriptArgument } from './script.ts';

/** What a projection is made of. */
export interface RedisProjectionOptions {
  /** Begins the name of every key: `{name:partition}:suffix`. */
  readonly name: string;
  readonly redis: Redis;
  readonly logger: Logger;
  readonly producer: Pick<EventProducer, 'publishInOrder'>;
  /** Suffixes of the keys that hold the state of a partition. */
  readonly stateKeys: readonly string[];
  /** Replays the log into the emptied state; answers the next offset to consume. */
  readonly rebuild: (partition: number, run: ProjectionRun) => Promise<number>;
  /** The event that an outbox entry stands for. */
  readonly toEvent: (entry: string) => OutboxEvent;
  /** The partition's state is complete and this instance owns it. */
  readonly onReady?: (partition: number) => void;
  /** This instance no longer owns the partition. */
  readonly onRevoked?: (partition: number) => void;
  /** @default systemClock */
  readonly clock?: Clock;
}

/** A partition that this instance owns. */
interface Claim {
  readonly epoch: string;
  readonly token: string;
  readonly control: PartitionControl;
  readonly relay: OutboxRelay;
  /** Last offset that was sent to be applied. */
  position: number;
}

const WATCH_INTERVAL_MS = 500;
const RENEW_POLL_MS = 100;
const RELAY_CHUNK = 500;

/**
 * A view of a log in Redis, with its position in the log beside it: one Lua call moves both, so each record takes effect once,
 * whoever crashes when. What is checked: see {@link RedisProjection.apply}.
 *
 * The state of a partition is written by its owner, in the order of the log. An owner is whoever claimed it last
 * ({@link RedisProjection.assigned}); a claim raises a token, and writes with an older token are refused. A wiped Redis has no
 * epoch, so every call is refused until the next claim has rebuilt the state from the log.
 */
export class RedisProjection implements PartitionOwner {
  private readonly options: RedisProjectionOptions;
  private readonly clock: Clock;
  private readonly scripts: PartitionScripts;
  private readonly claims = new Map<number, Claim>();
  /** Counts assignments and revocations, so that a claim notices that it was overtaken. */
  private readonly turns = new Map<number, number>();
  private readonly ending = new Set<Promise<void>>();
  private watch: Timer | undefined;

  constructor(options: RedisProjectionOptions) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.scripts = new PartitionScripts(options.redis, options.name, options.stateKeys);
  }

  /** The partitions that this instance owns, in order. */
  get partitions(): number[] {
    return [...this.claims.keys()].sort((a, b) => a - b);
  }

  owns(partition: number): boolean {
    return this.claims.has(partition);
  }

  /** The Redis key of a part of a partition's state. All keys of a partition share a hash slot. */
  key(partition: number, suffix: string): string {
    return this.scripts.key(partition, suffix);
  }

  async assigned(partition: number, control: PartitionControl): Promise<number> {
    this.release(partition);
    const turn = this.nextTurn(partition);
    const epoch = `${this.clock.now().toString(36)}-${randomUUID().slice(0, 8)}`;
    const [state, current, token, offset] = (await this.scripts.run(CLAIM, partition, [epoch])) as [
      string,
      string,
      string,
      string,
    ];
    let position = Number(offset);
    if (state === 'rebuild') position = await this.rebuild(partition, current, token);
    if (this.turns.get(partition) !== turn) {
      throw new PositionLost('FENCED', 'the partition was given away meanwhile');
    }
    const relay = this.startRelay(partition, current, token);
    this.claims.set(partition, { epoch: current, token, control, relay, position });
    this.watch ??= this.scheduleWatch();
    this.options.onReady?.(partition);
    return position + 1;
  }

  revoked(partition: number): void {
    this.nextTurn(partition);
    this.release(partition);
  }

  /**
   * Runs a script as the owner of the partition. In the same Lua call it is checked that the state is the one that was claimed
   * (`EPOCH`), that nobody claimed it since (`FENCED`), and, with `upTo`, that the state is where this instance last brought
   * it (`GAP`); then the script runs, and the watermark moves to `upTo`, the last offset that its effect covers.
   *
   * Calls may be pipelined: when one fails, those behind it are refused.
   *
   * @throws PositionLost when a check fails: nothing was changed.
   * @throws FlashmeshError `unavailable` (`REDIS_UNAVAILABLE`): nothing is known; calling again with the same offsets is safe.
   */
  async apply(
    script: Script,
    partition: number,
    options: { readonly upTo?: number },
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    const claim = this.claims.get(partition);
    if (!claim) throw new PositionLost('FENCED', `partition ${partition} is not owned by this instance`);
    const { upTo } = options;
    const after = claim.position;
    if (upTo !== undefined) claim.position = upTo;
    try {
      const fence = [claim.epoch, claim.token, String(after), upTo === undefined ? '' : String(upTo)];
      const { emitted, result } = await this.scripts.runChecked(script, 'apply', partition, [
        ...fence,
        ...args,
      ]);
      if (emitted > 0) claim.relay.kick();
      return result;
    } catch (error) {
      // Whether it took effect or not, the chain check finds out at the next call.
      if (upTo !== undefined) claim.position = Math.min(claim.position, after);
      throw error;
    }
  }

  /**
   * Runs a script on the state whoever owns it; what it emits is published by the owner. For writes that are right in any
   * order, such as create-if-absent.
   *
   * @throws FlashmeshError `unavailable`: `REBUILDING` (nothing was changed) or `REDIS_UNAVAILABLE` (nothing is known).
   */
  async write(script: Script, partition: number, args: readonly ScriptArgument[]): Promise<unknown> {
    const { emitted, result } = await this.scripts.runChecked(script, 'write', partition, args);
    if (emitted > 0) this.claims.get(partition)?.relay.kick();
    return result;
  }

  /** As {@link write}, for a script that changes nothing. */
  async read(script: Script, partition: number, args: readonly ScriptArgument[]): Promise<unknown> {
    const { result } = await this.scripts.runChecked(script, 'read', partition, args);
    return result;
  }

  /** Resolves when the outboxes of all owned partitions were seen empty. */
  async relayIdle(): Promise<void> {
    await Promise.all([...this.claims.values()].map(({ relay }) => relay.idle()));
  }

  /**
   * Has the state rebuilt from the log as if Redis had lost it, whoever owns the partitions; one partition after the other, so that the
   * rest stays in use. For a state that somebody damaged by hand. Asking again after a failure is safe.
   *
   * @param partitions how many there are.
   * @throws what the signal says; FlashmeshError `unavailable` (`REDIS_UNAVAILABLE`).
   */
  async renew(partitions: number, signal: AbortSignal): Promise<void> {
    for (let partition = 0; partition < partitions; partition++) {
      throwIfAborted(signal);
      await this.scripts.run(FORGET, partition, []);
      while ((await this.scripts.redis.hget(this.key(partition, 'meta'), 'status')) !== 'ready') {
        await sleep(RENEW_POLL_MS, signal, this.clock);
      }
    }
  }

  /** Gives up all partitions; resolves when the relays have ended. */
  async stop(): Promise<void> {
    this.watch?.cancel();
    this.watch = undefined;
    for (const partition of this.partitions) this.revoked(partition);
    await Promise.all(this.ending);
  }

  private async rebuild(partition: number, epoch: string, token: string): Promise<number> {
    const { name, logger } = this.options;
    const startedAt = this.clock.monotonic();
    logger.info({ projection: name, partition }, 'rebuilding from the log');
    const run = new ClaimedRun(this.scripts, partition, epoch, token);
    const next = await this.options.rebuild(partition, run);
    await run.finish(next - 1);
    const ms = Math.round(this.clock.monotonic() - startedAt);
    logger.info({ projection: name, partition, next, ms }, 'rebuilt');
    return next - 1;
  }

  private startRelay(partition: number, epoch: string, token: string): OutboxRelay {
    const { producer, toEvent, logger } = this.options;
    return new OutboxRelay({
      next: async (published) => {
        const reply = await this.scripts.run(RELAY, partition, [epoch, token, published, RELAY_CHUNK]);
        const [relayed, entries] = reply as [number, string[]];
        return { relayed, entries };
      },
      publish: (entries) => producer.publishInOrder(entries.map(toEvent)),
      clock: this.clock,
      logger,
    });
  }

  private scheduleWatch(): Timer {
    return this.clock.after(WATCH_INTERVAL_MS, () => {
      void this.checkClaims().finally(() => {
        // stop() or a lack of claims ends the watch.
        if (this.watch) this.watch = this.claims.size > 0 ? this.scheduleWatch() : undefined;
      });
    });
  }

  /** Notices a wiped state though no record arrives, and outbox entries that others wrote. */
  private async checkClaims(): Promise<void> {
    const { redis, name, logger } = this.options;
    await Promise.all(
      [...this.claims].map(async ([partition, claim]) => {
        try {
          const [epoch, waiting] = await Promise.all([
            redis.hget(this.key(partition, 'meta'), 'epoch'),
            redis.llen(this.key(partition, 'outbox')),
          ]);
          if (this.claims.get(partition) !== claim) return;
          if (epoch !== claim.epoch) {
            logger.warn(
              { projection: name, partition },
              'the state was wiped or replaced, claiming it again',
            );
            this.release(partition);
            claim.control.restart();
          } else if (waiting > 0) claim.relay.kick();
        } catch (error) {
          logger.debug(
            { projection: name, partition, error: messageOf(error) },
            'the state cannot be watched now',
          );
        }
      }),
    );
  }

  private release(partition: number): void {
    const claim = this.claims.get(partition);
    if (!claim) return;
    this.claims.delete(partition);
    const ended = claim.relay.stop();
    this.ending.add(ended);
    void ended.then(() => this.ending.delete(ended));
    this.options.onRevoked?.(partition);
  }

  private nextTurn(partition: number): number {
    const turn = (this.turns.get(partition) ?? 0) + 1;
    this.turns.set(partition, turn);
    return turn;
  }
}
