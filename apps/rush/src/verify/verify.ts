import { topics } from '@flashmesh/contracts';
import { type KafkaConnection, readLog } from '@flashmesh/messaging';
import type { AcceptedOrder } from '../accepted-orders.ts';
import { DoubleChargeRule } from '../domain/money.ts';
import { LostOrderRule } from '../domain/orders.ts';
import { OversellRule } from '../domain/oversell.ts';
import { type Quantiles, quantilesOf } from '../domain/quantiles.ts';
import type { RuleReport } from '../domain/violations.ts';

/** What the log says, once all of it was read. */
export interface LogReport {
  readonly ok: boolean;
  readonly rules: readonly RuleReport[];
  /** Distinct records by topic. */
  readonly records: Readonly<Record<string, number>>;
  /** Records that were ignored because their id had been seen, by topic. */
  readonly duplicates: Readonly<Record<string, number>>;
  /** Orders that have not ended. */
  readonly open: number;
  readonly confirmedUnits: number;
  /** From acceptance to confirmation, by the times in the log. */
  readonly acceptToConfirmedMs: Quantiles;
  /** How each order ended. */
  readonly endOf: (orderId: string) => string | undefined;
}

/**
 * Reads the log from its beginning and checks rules 1 to 3. Effects are read before their causes (orders, money, stock
 * events, commands), so that a shop at work shows at most something that has not happened yet.
 */
export async function checkLog(
  kafka: KafkaConnection,
  accepted: readonly AcceptedOrder[],
): Promise<LogReport> {
  const oversell = new OversellRule();
  const lost = new LostOrderRule(accepted.map(({ id }) => id));
  const money = new DoubleChargeRule();
  await readLog(kafka, topics.orderEvents, {}, (events) => {
    for (const event of events) {
      const confirmed = lost.event(event);
      if (confirmed) oversell.confirm(confirmed);
    }
  });
  await readLog(kafka, topics.ledger, {}, (entries) => {
    for (const entry of entries) money.entry(entry);
  });
  await readLog(kafka, topics.inventoryEvents, {}, (events) => {
    for (const event of events) oversell.event(event);
  });
  await readLog(kafka, topics.inventoryCommands, {}, (commands) => {
    for (const command of commands) oversell.command(command);
  });

  const rules = [oversell.report(), lost.report(), money.report(lost.stories)];
  const counted = {
    [topics.orderEvents.name]: lost.events,
    [topics.ledger.name]: money.entries,
    [topics.inventoryEvents.name]: oversell.events,
    [topics.inventoryCommands.name]: oversell.commands,
  };
  const entries = Object.entries(counted);
  return {
    ok: rules.every(({ ok }) => ok),
    rules,
    records: Object.fromEntries(entries.map(([topic, { records }]) => [topic, records])),
    duplicates: Object.fromEntries(entries.map(([topic, { duplicates }]) => [topic, duplicates])),
    open: lost.open,
    confirmedUnits: rules[0]?.counts['confirmedUnits'] ?? 0,
    acceptToConfirmedMs: quantilesOf(lost.confirmationTimes()),
    endOf: (orderId) => lost.stories.get(orderId)?.ends[0]?.state.toUpperCase(),
  };
}
