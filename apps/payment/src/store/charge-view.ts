import { createHash, randomUUID } from 'node:crypto';
import {
  type Clock,
  FlashmeshError,
  messageOf,
  SingleFlight,
  sleep,
  type Timer,
  unavailable,
} from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { Redis } from 'ioredis';
import type { Charge, ChargeInput, ChargeState } from '../domain/charge.ts';
import { kindOf } from '../domain/ledger.ts';
import type { LedgerLog } from '../ledger-log.ts';
import { CLAIM, CLAIM_SETTLING, LOGGED, OPEN, RESTORE, SETTLE, STEP } from './charge-scripts.ts';

/** A builder that says nothing for so long is believed dead. */
const LEASE_MS = 10_000;
/** Entries that a former life of the view was appending when it ended are in the ledger after this long. */
const SETTLE_AFTER_MS = 5000;
const POLL_MS = 100;

/** What the view is made of. */
export interface ChargeViewOptions {
  readonly redis: Redis;
  readonly ledger: LedgerLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Key prefix. @default 'payments' */
  readonly name?: string;
  /** @default 5000 */
  readonly settleAfterMs?: number;
}

/** A charge, and the life of the view in which it was seen. */
export interface Seen {
  readonly epoch: string;
  readonly charge: Charge;
}

/**
 * The view of all charges in Redis, shared by every replica; who changes a charge first has decided it. Each life of the
 * view has an epoch. A call that finds no view has it rebuilt from the ledger and answers `unavailable` (`REBUILDING`).
 *
 * Replicas may still be appending to the ledger when a view is lost, so it is read twice: once to open the new view, and
 * again when those entries must have arrived. Until then a void that finds nothing decided is refused (`UNSETTLED`): it
 * would promise that no money is kept of an order whose charge is about to appear. A charge is safe at any time.
 */
export class ChargeView {
  private readonly rebuilding = new SingleFlight<string, void>();
  private settleTimer: Timer | undefined;
  private stopped = false;
  private readonly keys: readonly [string, string];
  private readonly redis: Redis;
  private readonly ledger: LedgerLog;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly settleAfterMs: number;

  constructor(options: ChargeViewOptions) {
    const { redis, ledger, clock, logger, name = 'payments', settleAfterMs = SETTLE_AFTER_MS } = options;
    this.redis = redis;
    this.ledger = ledger;
    this.clock = clock;
    this.logger = logger;
    this.settleAfterMs = settleAfterMs;
    this.keys = [`{${name}}:meta`, `{${name}}:charges`];
  }

  /** Resolves when there is a view, rebuilt by this replica or by another. */
  async start(): Promise<void> {
    await this.ensureView();
    this.settleLater();
  }

  stop(): void {
    this.stopped = true;
    this.settleTimer?.cancel();
  }

  /**
   * Takes one step of a charge, in the given life of the view or in whichever there is, and returns what it came to.
   *
   * @throws FlashmeshError `unavailable`: REBUILDING, VIEW_LOST (another life than the given one), UNSETTLED.
   */
  async step(input: ChargeInput, charge: Omit<Charge, 'state' | 'logged'>, epoch = ''): Promise<Seen> {
    const { orderId, amount, currency, buyerId } = charge;
    const args = [epoch, orderId, input, amount, currency, buyerId];
    const [seenEpoch = '', record] = (await this.guarded(STEP, args)) as [string, string | null];
    return { epoch: seenEpoch, charge: decode(orderId, record) };
  }

  /** Notes that the ledger tells the charge's state. @throws FlashmeshError as {@link step} */
  async markLogged({ epoch, charge }: Seen): Promise<void> {
    await this.guarded(LOGGED, [epoch, charge.orderId, charge.state]);
  }

  private async guarded(script: string, args: (string | number)[]): Promise<unknown> {
    try {
      return await this.run(script, args);
    } catch (error) {
      const code = /REBUILDING|UNSETTLED|EPOCH/.exec(messageOf(error))?.[0];
      if (!code) throw unavailable('STORE_UNAVAILABLE', 'the store of charges cannot be reached', { cause: error });
      if (code === 'REBUILDING') void this.ensureView().catch(() => undefined);
      if (code === 'UNSETTLED') this.settleLater();
      throw unavailable(code === 'EPOCH' ? 'VIEW_LOST' : code, 'the view of charges is being rebuilt');
    }
  }

  /** Rebuilds the view when nobody else does; resolves when there is one. Failures are logged and tried again. */
  private ensureView(): Promise<void> {
    return this.rebuilding.run('', async () => {
      while (!this.stopped) {
        try {
          if (await this.buildOrWait()) return;
        } catch (error) {
          this.logger.warn({ error: messageOf(error) }, 'the view of charges could not be rebuilt yet');
        }
        await sleep(POLL_MS, undefined, this.clock);
      }
    });
  }

  /** True when the view is open. */
  private async buildOrWait(): Promise<boolean> {
    const epoch = randomUUID();
    const now = this.clock.now();
    const claimed = await this.run(CLAIM, [epoch, now, now + LEASE_MS]);
    if (claimed !== 1) return (await this.redis.hget(this.keys[0], 'status')) === 'ready';
    const startedAt = this.clock.monotonic();
    await this.ledger.drain();
    const entries = await this.takeOver(epoch);
    await this.run(OPEN, [epoch, this.clock.now() + this.settleAfterMs]);
    this.settleLater();
    const ms = Math.round(this.clock.monotonic() - startedAt);
    this.logger.info({ entries, ms }, 'rebuilt the view of charges from the ledger');
    return true;
  }

  /** Reads the ledger from the beginning to its end into the view; returns how many entries there were. */
  private async takeOver(epoch: string): Promise<number> {
    let count = 0;
    await this.ledger.read(async (entries) => {
      count += entries.length;
      const args = entries.flatMap((entry) => {
        const kind = kindOf(entry);
        return kind ? [entry.orderId, kind, entry.amount, entry.currency, entry.buyerId] : [];
      });
      await this.run(RESTORE, [epoch, this.clock.now() + LEASE_MS, ...args]);
    });
    return count;
  }

  private settleLater(): void {
    if (this.settleTimer || this.stopped) return;
    this.settleTimer = this.clock.after(this.settleAfterMs + POLL_MS, () => {
      this.settleTimer = undefined;
      this.settle().catch((error: unknown) => {
        this.logger.warn({ error: messageOf(error) }, 'the second reading of the ledger failed');
        this.settleLater();
      });
    });
  }

  private async settle(): Promise<void> {
    const now = this.clock.now();
    const epoch = await this.run(CLAIM_SETTLING, [now, now + LEASE_MS]);
    if (!epoch) return;
    const entries = await this.takeOver(String(epoch));
    await this.run(SETTLE, [String(epoch)]);
    this.logger.debug({ entries }, 'the view of charges is settled');
  }

  private async run(script: string, args: (string | number)[]): Promise<unknown> {
    const digest = createHash('sha1').update(script).digest('hex');
    try {
      return await this.redis.evalsha(digest, this.keys.length, ...this.keys, ...args);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      return this.redis.eval(script, this.keys.length, ...this.keys, ...args);
    }
  }
}

/** Reads `STATE|logged|amount|currency|buyer`. @throws FlashmeshError `internal` for anything else. */
function decode(orderId: string, record: string | null): Charge {
  if (record === null)
    return { orderId, state: 'NONE', logged: false, amount: 0, currency: '', buyerId: '' };
  const [, state, logged, amount, currency = '', buyerId = ''] =
    /^([A-Z]+)\|([01])\|(\d+)\|([A-Z]*)\|(.*)$/.exec(record) ?? [];
  if (!state) throw new FlashmeshError('internal', 'BAD_RECORD', `unreadable record of ${orderId}`);
  return {
    orderId,
    state: state as ChargeState,
    logged: logged === '1',
    amount: Number(amount),
    currency,
    buyerId,
  };
}
