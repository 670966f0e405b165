import { createHash, randomUUID } from 'node:crypto';
import {
  type Clock,
  FlashmeshError,
  messageOf,
  SingleFlight,
  sleep,
  throwIfAborted,
  type Timer,
  unavailable,
} from '@flashmesh/core';
import { InjectClock, InjectLogger } from '@flashmesh/service';
import { type Logger, nameScript } from '@flashmesh/telemetry';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { Charge, ChargeInput, ChargeState } from '../domain/charge.ts';
import { kindOf } from '../domain/ledger.ts';
import { LedgerLog } from '../ledger-log.ts';
import * as bodies from './charge-scripts.ts';

/** A builder that says nothing for so long is believed dead. */
const LEASE_MS = 10_000;
/** Entries that a former life of the view was appending when it ended have arrived, or were given up, after this long. */
const SETTLE_AFTER_MS = 10_000;
const POLL_MS = 100;

const KEYS = ['{payments}:meta', '{payments}:charges'] as const;

interface Script {
  readonly sha1: string;
  readonly body: string;
}

/** A script under the name that its spans show. */
function script(name: string, body: string): Script {
  const sha1 = createHash('sha1').update(body).digest('hex');
  nameScript(sha1, `payments.${name}`);
  return { sha1, body };
}

const scripts = {
  step: script('step', bodies.STEP),
  logged: script('logged', bodies.LOGGED),
  claim: script('claim', bodies.CLAIM),
  forget: script('forget', bodies.FORGET),
  restore: script('restore', bodies.RESTORE),
  open: script('open', bodies.OPEN),
  claimSettling: script('claim-settling', bodies.CLAIM_SETTLING),
  settle: script('settle', bodies.SETTLE),
};

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
@Injectable()
export class ChargeView implements OnModuleInit, OnApplicationShutdown {
  private readonly rebuilding = new SingleFlight<'view', void>();
  private settleTimer: Timer | undefined;
  private stopped = false;
  private readonly redis: Redis;
  private readonly ledger: LedgerLog;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(redis: Redis, ledger: LedgerLog, @InjectClock() clock: Clock, @InjectLogger() logger: Logger) {
    this.redis = redis;
    this.ledger = ledger;
    this.clock = clock;
    this.logger = logger;
  }

  /** Resolves when there is a view, rebuilt by this replica or by another. */
  async onModuleInit(): Promise<void> {
    await this.ensureView();
    this.settleLater();
  }

  onApplicationShutdown(): void {
    this.stopped = true;
    this.settleTimer?.cancel();
  }

  /**
   * Has the view rebuilt from the ledger as if Redis had lost it; resolves when there is one again. Asking again after a failure is safe.
   *
   * @throws what the signal says; what Redis says.
   */
  async renew(signal: AbortSignal): Promise<void> {
    throwIfAborted(signal);
    await this.run(scripts.forget, []);
    // A rebuild that was ending just then may have opened the view that was forgotten.
    while (!(await this.isOpen())) {
      await this.ensureView();
      throwIfAborted(signal);
    }
  }

  /**
   * Takes one step of a charge, in the given life of the view or in whichever there is, and returns what it came to.
   *
   * @throws FlashmeshError `unavailable`: REBUILDING, VIEW_LOST (another life than the given one), UNSETTLED.
   */
  async step(input: ChargeInput, charge: Omit<Charge, 'state' | 'logged'>, epoch = ''): Promise<Seen> {
    const { orderId, amount, currency, buyerId } = charge;
    const args = [epoch, orderId, input, amount, currency, buyerId];
    const [seenEpoch, record] = (await this.guarded(scripts.step, args)) as [string, string | null];
    return { epoch: seenEpoch, charge: decode(orderId, record) };
  }

  /** Notes that the ledger tells the charge's state. @throws FlashmeshError as {@link step} */
  async markLogged({ epoch, charge }: Seen): Promise<void> {
    await this.guarded(scripts.logged, [epoch, charge.orderId, charge.state]);
  }

  private async guarded(script: Script, args: (string | number)[]): Promise<unknown> {
    try {
      return await this.run(script, args);
    } catch (error) {
      const code = /REBUILDING|UNSETTLED|EPOCH/.exec(messageOf(error))?.[0];
      if (!code) {
        throw unavailable('STORE_UNAVAILABLE', 'the store of charges cannot be reached', { cause: error });
      }
      if (code === 'REBUILDING') void this.ensureView().catch(() => undefined);
      if (code === 'UNSETTLED') this.settleLater();
      throw unavailable(code === 'EPOCH' ? 'VIEW_LOST' : code, 'the view of charges is being rebuilt');
    }
  }

  /** Rebuilds the view when nobody else does; resolves when there is one. Failures are logged and tried again. */
  private ensureView(): Promise<void> {
    return this.rebuilding.run('view', async () => {
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
    const claimed = await this.run(scripts.claim, [epoch, now, now + LEASE_MS]);
    if (claimed !== 1) return this.isOpen();
    const startedAt = this.clock.monotonic();
    await this.ledger.drain();
    const entries = await this.takeOver(epoch);
    await this.run(scripts.open, [epoch, this.clock.now() + SETTLE_AFTER_MS]);
    this.settleLater();
    const ms = Math.round(this.clock.monotonic() - startedAt);
    this.logger.info({ entries, ms }, 'rebuilt the view of charges from the ledger');
    return true;
  }

  private async isOpen(): Promise<boolean> {
    return (await this.redis.hget(KEYS[0], 'status')) === 'ready';
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
      await this.run(scripts.restore, [epoch, this.clock.now() + LEASE_MS, ...args]);
    });
    return count;
  }

  private settleLater(): void {
    if (this.settleTimer || this.stopped) return;
    this.settleTimer = this.clock.after(SETTLE_AFTER_MS + POLL_MS, () => {
      this.settleTimer = undefined;
      this.settle().catch((error: unknown) => {
        this.logger.warn({ error: messageOf(error) }, 'the second reading of the ledger failed');
        this.settleLater();
      });
    });
  }

  private async settle(): Promise<void> {
    const now = this.clock.now();
    const epoch = (await this.run(scripts.claimSettling, [now, now + LEASE_MS])) as string | null;
    if (!epoch) return;
    if (epoch === 'later') return this.settleLater();
    const entries = await this.takeOver(epoch);
    await this.run(scripts.settle, [epoch]);
    this.logger.debug({ entries }, 'the view of charges is settled');
  }

  private async run({ sha1, body }: Script, args: (string | number)[]): Promise<unknown> {
    try {
      return await this.redis.evalsha(sha1, KEYS.length, ...KEYS, ...args);
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw error;
      return this.redis.eval(body, KEYS.length, ...KEYS, ...args);
    }
  }
}

/** Reads `STATE|logged|amount|currency|buyer`. @throws FlashmeshError `internal` for anything else. */
function decode(orderId: string, record: string | null): Charge {
  if (record === null) return { orderId, state: 'NONE', logged: false, amount: 0, currency: '', buyerId: '' };
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
