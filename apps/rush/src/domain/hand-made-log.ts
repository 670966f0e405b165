import { type coordination, inventory, order, payment } from '@flashmesh/contracts';
import type { LogRecord } from './log-record.ts';
import { DoubleChargeRule } from './money.ts';
import { LostOrderRule } from './orders.ts';
import { OversellRule } from './oversell.ts';

const SKU = 'phone';
const PRICE = 100;
const TTL_SECONDS = 60;

/** Writes the four logs by hand, for tests: whole stories of orders, and single records to break them with. */
export class HandMadeLog {
  readonly commands: LogRecord<inventory.InventoryCommand>[] = [];
  readonly events: LogRecord<inventory.InventoryEvent>[] = [];
  readonly orders: LogRecord<order.OrderEvent>[] = [];
  readonly ledger: LogRecord<payment.LedgerEntry>[] = [];
  private now = 1_000_000;

  /** An order that is paid and sold. */
  confirmed(id: string, quantity = 1): this {
    return this.placed(id, quantity)
      .event(id, 'reserved', quantity)
      .money(id, 'outcome', payment.LedgerEntryKind.CHARGE, quantity * PRICE)
      .command(`${id}/commit`, { $case: 'commit', value: { orderId: id } })
      .event(id, 'committed', quantity)
      .order(id, 'confirmed', quantity);
  }

  /** An order that comes too late. */
  rejected(id: string, quantity = 1): this {
    return this.placed(id, quantity).event(id, 'rejected', quantity).order(id, 'rejected', quantity);
  }

  /** An order whose payment was declined. */
  declined(id: string, quantity = 1): this {
    return this.placed(id, quantity)
      .event(id, 'reserved', quantity)
      .money(id, 'outcome', payment.LedgerEntryKind.DECLINE, 0)
      .order(id, 'cancelled', quantity)
      .command(`${id}/release`, { $case: 'release', value: { orderId: id } })
      .event(id, 'released', quantity);
  }

  /** An order that was charged after its reservation had expired. */
  expired(id: string, quantity = 1): this {
    return this.placed(id, quantity)
      .event(id, 'reserved', quantity)
      .money(id, 'outcome', payment.LedgerEntryKind.CHARGE, quantity * PRICE)
      .later(TTL_SECONDS * 1000)
      .command(`${id}/expire`, { $case: 'expire', value: { orderId: id } })
      .event(id, 'expired', quantity)
      .command(`${id}/commit`, { $case: 'commit', value: { orderId: id } })
      .event(id, 'commit-refused', quantity)
      .money(id, 'refund', payment.LedgerEntryKind.REFUND, quantity * PRICE)
      .order(id, 'cancelled', quantity);
  }

  placed(id: string, quantity = 1): this {
    const saleId = 'demo';
    const reserve = {
      orderId: id,
      saleId,
      buyerId: `b-${id}`,
      quantity,
      limitPerBuyer: 2,
      ttlSeconds: TTL_SECONDS,
    };
    return this.order(id, 'placed', quantity).command(`${id}/reserve`, { $case: 'reserve', value: reserve });
  }

  restock(restockId: string, quantity: number): this {
    const value = { restockId, quantity, saleId: '', token: undefined };
    return this.command(`${restockId}/restock`, { $case: 'restock', value });
  }

  /** Units for the sale `demo`, by the holder of its lock with that token. */
  seed(quantity: number, token: coordination.FencingToken): this {
    const value = { restockId: 'demo/phone', quantity, saleId: 'demo', token };
    return this.command(`demo/phone/restock@${token.czxid}`, { $case: 'restock', value });
  }

  /** A later holder of the lock of the sale `demo` closes it. */
  fence(token: coordination.FencingToken): this {
    return this.command(`demo/phone/fence@${token.czxid}`, {
      $case: 'fence',
      value: { saleId: 'demo', token },
    });
  }

  command(id: string, command: NonNullable<inventory.InventoryCommand['command']>): this {
    this.commands.push(this.record(id, this.commands, { sku: SKU, command }));
    return this;
  }

  event(orderId: string, kind: string, quantity = 1): this {
    const $case = kind === 'commit-refused' ? 'commitRefused' : kind;
    const event = { $case, value: {} } as inventory.InventoryEvent['event'];
    this.events.push(this.record(`${orderId}/${kind}`, this.events, { orderId, sku: SKU, quantity, event }));
    return this;
  }

  order(orderId: string, kind: string, quantity = 1): this {
    const placed = order.Order.create({ id: orderId, sku: SKU, quantity, amount: quantity * PRICE });
    const event = { $case: kind, value: {} } as order.OrderEvent['event'];
    this.orders.push(this.record(`${orderId}/${kind}`, this.orders, { order: placed, event }));
    return this;
  }

  money(orderId: string, what: string, kind: payment.LedgerEntryKind, amount: number): this {
    const entry = payment.LedgerEntry.create({ orderId, kind, amount });
    this.ledger.push(this.record(`${orderId}/${what}`, this.ledger, entry));
    return this;
  }

  later(ms: number): this {
    this.now += ms;
    return this;
  }

  /** What the rules say, each by name. */
  check(accepted: readonly string[] = []) {
    const oversell = new OversellRule();
    const lost = new LostOrderRule(accepted);
    const money = new DoubleChargeRule();
    for (const record of this.orders) {
      const confirmed = lost.event(record);
      if (confirmed) oversell.confirm(confirmed);
    }
    for (const record of this.ledger) money.entry(record);
    for (const record of this.events) oversell.event(record);
    for (const record of this.commands) oversell.command(record);
    return {
      oversell: oversell.report(),
      lost: lost.report(),
      money: money.report(lost.stories),
      lostRule: lost,
    };
  }

  private record<T>(id: string, log: readonly unknown[], data: T): LogRecord<T> {
    return { id, partition: 0, offset: log.length, time: this.now++, data };
  }
}
