import { payment } from '@flashmesh/contracts';
import { FirstById, type LogRecord } from './log-record.ts';
import type { OrderStory } from './orders.ts';
import { type RuleReport, Violations } from './violations.ts';

const { LedgerEntryKind } = payment;

/** What the ledger says of one order. */
interface Account {
  readonly charges: number[];
  readonly refunds: number[];
}

/**
 * Rule 3, no double charge: an order is charged at most once; the money of a confirmed order is kept, exactly its amount;
 * no money of any other order is; and in sum charged minus refunded is the amount of the confirmed orders.
 */
export class DoubleChargeRule {
  readonly entries = new FirstById();
  private readonly accounts = new Map<string, Account>();

  entry({ id, data }: LogRecord<payment.LedgerEntry>): void {
    if (!this.entries.isFirst(id)) return;
    const account = this.accounts.get(data.orderId) ?? { charges: [], refunds: [] };
    this.accounts.set(data.orderId, account);
    // Declines and voids move no money.
    if (data.kind === LedgerEntryKind.CHARGE) account.charges.push(data.amount);
    if (data.kind === LedgerEntryKind.REFUND) account.refunds.push(data.amount);
  }

  report(stories: ReadonlyMap<string, OrderStory>): RuleReport {
    const found = new Violations();
    let [charged, refunded, confirmed, charges, refunds] = [0, 0, 0, 0, 0];
    for (const [id, account] of this.accounts) {
      const [taken, returned] = [sum(account.charges), sum(account.refunds)];
      charged += taken;
      refunded += returned;
      charges += account.charges.length;
      refunds += account.refunds.length;
      if (account.charges.length > 1) found.add(`${id} was charged ${account.charges.length} times`);
      if (account.refunds.length > 1) found.add(`${id} was refunded ${account.refunds.length} times`);
      if (returned > taken) found.add(`${id}: ${returned} refunded of ${taken} charged`);
      if (taken > returned && !stories.has(id)) {
        found.add(`${id}: ${taken - returned} kept of an unknown order`);
      }
    }
    for (const [id, { ends }] of stories) {
      const account = this.accounts.get(id);
      const kept = account ? sum(account.charges) - sum(account.refunds) : 0;
      for (const { state, order } of ends) {
        if (state === 'confirmed') {
          confirmed += order.amount;
          if (kept !== order.amount) found.add(`${id} is confirmed for ${order.amount}, but ${kept} is kept`);
        } else if (kept !== 0) found.add(`${id} is ${state}, but ${kept} is kept`);
      }
    }
    if (charged - refunded !== confirmed) {
      found.add(`${charged} charged - ${refunded} refunded is not ${confirmed}, the sum of confirmed orders`);
    }
    return found.report('no double charge', {
      charges,
      refunds,
      charged,
      refunded,
      confirmedAmount: confirmed,
    });
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
