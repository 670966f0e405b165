import { payment } from '@flashmesh/contracts';
import {
  assertNever,
  type Clock,
  FlashmeshError,
  Limiter,
  messageOf,
  sleep,
  throwIfAborted,
} from '@flashmesh/core';
import { PositionLost } from '@flashmesh/messaging';
import { InjectClient, type MeshClient } from '@flashmesh/rpc';
import { InjectClock, InjectLogger } from '@flashmesh/service';
import { attr, contextFromTraceparent, type Logger, traceparentOf, withSpan } from '@flashmesh/telemetry';
import { Injectable } from '@nestjs/common';
import { amountOf, type PlacedOrder } from '../domain/order.ts';
import type { SagaAction, SagaInput, SagaState } from '../domain/saga.ts';
import { OrderLog } from '../order-log.ts';
import { OrderStore, type SagaTask } from '../store/order-store.ts';

/** Calls of payment at once. */
const CONCURRENCY = 64;
/** How long one call of payment may take; a longer one is asked again, which is safe: payment is idempotent by order. */
const CALL_DEADLINE_MS = 1500;
/** After this many tries the order is left to the redriver, so that a long outage does not pile up timers. */
const MAX_TRIES = 6;
const BACKOFF_MS = 100;
const BACKOFF_AT_MOST_MS = 3000;

/** The state in which an action is wanted. */
const wantedIn: Record<SagaAction, SagaState> = { charge: 'PAYING', void: 'REFUNDING' };

/**
 * Does what the saga asks of payment, outside the consumer, so that one slow charge holds nothing up. An unknown outcome is
 * asked again while the order waits for it; losing the partition ends it: the next owner asks.
 */
@Injectable()
export class SagaRunner {
  private readonly limiter = new Limiter(CONCURRENCY);
  private readonly running = new Set<string>();
  private readonly store: OrderStore;
  private readonly log: OrderLog;
  private readonly client: MeshClient<typeof payment.PaymentServiceDefinition>;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(
    store: OrderStore,
    log: OrderLog,
    @InjectClient(payment.PaymentServiceDefinition)
    client: MeshClient<typeof payment.PaymentServiceDefinition>,
    @InjectClock() clock: Clock,
    @InjectLogger() logger: Logger,
  ) {
    this.store = store;
    this.log = log;
    this.client = client;
    this.clock = clock;
    this.logger = logger;
  }

  /** Orders that are being worked on. */
  get size(): number {
    return this.running.size;
  }

  /** Begins to do the tasks; one that is being done already, or whose partition is not owned, is left out. */
  start(tasks: readonly SagaTask[]): void {
    for (const task of tasks) {
      const { id } = task.record.order;
      const key = `${id}/${task.action}`;
      const signal = this.store.ownership(this.store.partitionOf(id));
      if (!signal || this.running.has(key)) continue;
      this.running.add(key);
      void this.drive(task, signal).finally(() => this.running.delete(key));
    }
  }

  /** Tries until the outcome is known, the order waits for it no more, the tries are used up or ownership ends. */
  private async drive(task: SagaTask, signal: AbortSignal): Promise<void> {
    const orderId = task.record.order.id;
    for (let tries = 0; tries < MAX_TRIES && !signal.aborted; tries++) {
      try {
        if (tries > 0) await sleep(backoffMs(tries), signal, this.clock);
        await this.attempt(task, signal);
        return;
      } catch (error) {
        if (error instanceof PositionLost || signal.aborted) return;
        if (!isTemporary(error)) {
          this.logger.error({ orderId, action: task.action, err: error }, 'payment refused to answer');
          return;
        }
        this.logger.debug({ orderId, action: task.action, error: messageOf(error) }, 'outcome unknown');
      }
    }
  }

  private attempt({ action, record, traceparent }: SagaTask, signal: AbortSignal): Promise<void> {
    const placed = record.order;
    const parent = contextFromTraceparent(traceparent ?? placed.traceparent);
    const attributes = { [attr.orderId]: placed.id };
    return withSpan(`saga ${action}`, { parent, attributes }, async () => {
      // No money moves for an order that the log does not have. The order is looked up after that, so that it is known to
      // be in a view, and in every later one, from before the charge on.
      if (action === 'charge' && !this.log.hasTold(placed.id)) await this.log.tell(record);
      const current = await this.store.get(placed.id);
      if (current?.state !== wantedIn[action]) return;
      const input = await this.limiter.run(() => this.ask(action, placed, signal));
      const at = this.clock.now();
      const learned = { orderId: placed.id, input, at, traceparent: traceparentOf() };
      const next = await this.store.advance(learned);
      // The span ends before what follows it begins.
      setImmediate(() => this.start(next));
    });
  }

  private async ask(action: SagaAction, placed: PlacedOrder, signal: AbortSignal): Promise<SagaInput> {
    throwIfAborted(signal);
    const options = { deadlineMs: CALL_DEADLINE_MS, signal };
    if (action === 'void') {
      await this.client.void({ orderId: placed.id, reason: 'EXPIRED' }, options);
      return { kind: 'voided' };
    }
    const { id: orderId, buyerId, currency, paymentMethod } = placed;
    const request = { orderId, buyerId, amount: amountOf(placed), currency, paymentMethod };
    const { outcome } = await this.client.charge(request, options);
    switch (outcome) {
      case payment.ChargeOutcome.CHARGED:
        return { kind: 'charged' };
      case payment.ChargeOutcome.DECLINED:
        return { kind: 'declined' };
      case payment.ChargeOutcome.VOIDED:
        return { kind: 'chargeVoided' };
      case payment.ChargeOutcome.UNSPECIFIED:
      case payment.ChargeOutcome.UNRECOGNIZED:
        throw new FlashmeshError('internal', 'UNKNOWN_OUTCOME', `payment answered ${outcome}`);
      default:
        return assertNever(outcome, 'outcome');
    }
  }
}

/** Exponential, with jitter so that orders that failed together do not come back together. */
function backoffMs(tries: number): number {
  return Math.min(BACKOFF_MS * 2 ** tries, BACKOFF_AT_MOST_MS) * (0.5 + Math.random() / 2);
}

const temporary = new Set<FlashmeshError['kind']>([
  'unavailable',
  'deadline_exceeded',
  'resource_exhausted',
  'aborted',
  'cancelled',
]);

/** Whether asking again may help. */
function isTemporary(error: unknown): boolean {
  return error instanceof FlashmeshError && temporary.has(error.kind);
}
