import type { Clock } from '@flashmesh/core';
import type { OverdueOrder } from './store/stock-store.ts';

/** What a sweep needs of the outside. */
export interface ExpirySweeperOptions {
  readonly store: {
    readonly partitions: number;
    overdue(partition: number, now: number, limit: number): Promise<OverdueOrder[]>;
  };
  readonly clock: Clock;
  /** Appends the Expire command of an order, stamped with `time`. */
  send(order: OverdueOrder, time: number): Promise<void>;
  /** Told of a partition that could not be read or a command that could not be sent; the next sweep tries again. */
  onTrouble(error: unknown): void;
}

/** Commands sent for a partition in one sweep. */
const BATCH = 500;
/** A sent command that had no effect for this long is sent again. */
const RESEND_AFTER_MS = 15_000;

/** Finds unpaid reservations in all partitions and sends the command to take each back. */
export class ExpirySweeper {
  private readonly options: ExpirySweeperOptions;
  /** When each command was sent: a partition that is behind its log is not sent more of the same every second. */
  private readonly sent = new Map<string, number>();

  constructor(options: ExpirySweeperOptions) {
    this.options = options;
  }

  /** One round; ends early, without a further command, when the signal aborts. Never rejects. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { store, clock } = this.options;
    this.forgetOld(clock.now());
    for (let partition = 0; partition < store.partitions && !signal.aborted; partition++) {
      try {
        // The command bears the same moment that the deadline is compared with, so it is never too early when applied.
        const now = clock.now();
        const overdue = await store.overdue(partition, now, BATCH);
        if (signal.aborted) return;
        await Promise.all(overdue.map((order) => this.expire(order, now)));
      } catch (error) {
        this.options.onTrouble(error);
      }
    }
  }

  private async expire(order: OverdueOrder, now: number): Promise<void> {
    if (this.sent.has(order.orderId)) return;
    this.sent.set(order.orderId, now);
    try {
      await this.options.send(order, now);
    } catch (error) {
      this.sent.delete(order.orderId);
      this.options.onTrouble(error);
    }
  }

  private forgetOld(now: number): void {
    for (const [orderId, at] of this.sent) {
      if (now - at >= RESEND_AFTER_MS) this.sent.delete(orderId);
    }
  }
}
