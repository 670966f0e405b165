import { inventory, order } from '@flashmesh/contracts';
import { FirstById, type LogRecord } from './log-record.ts';
import { type ExpectedEvent, StockReplay } from './stock-replay.ts';
import { type RuleReport, Violations } from './violations.ts';

/**
 * Rule 1, no oversell: confirmed units of a SKU never exceed the units put in; at every moment initial = available +
 * reserved + sold with none negative; and inventory announced exactly what follows from its commands.
 *
 * Feed it the logs in any order between topics, each partition in its own order.
 */
export class OversellRule {
  readonly commands = new FirstById();
  readonly events = new FirstById();
  private readonly violations = new Violations();
  private readonly replays = new Map<number, StockReplay>();
  private readonly announced = new Map<string, ExpectedEvent>();
  private readonly confirmed = new Map<string, number>();

  command(record: LogRecord<inventory.InventoryCommand>): void {
    // Repeated commands are applied, not skipped: the state must absorb them.
    this.commands.isFirst(record.id);
    let replay = this.replays.get(record.partition);
    if (!replay) this.replays.set(record.partition, (replay = new StockReplay(this.violations)));
    replay.apply(record);
  }

  event({ id, data }: LogRecord<inventory.InventoryEvent>): void {
    if (!this.events.isFirst(id) || !data.event) return;
    this.announced.set(id, { kind: data.event.$case, sku: data.sku, quantity: data.quantity });
  }

  /** A confirmed order, once. */
  confirm({ sku, quantity }: order.Order): void {
    this.confirmed.set(sku, (this.confirmed.get(sku) ?? 0) + quantity);
  }

  report(): RuleReport {
    // Breaches of the replay were found on the way; a report may be asked for more than once.
    const replays = [...this.replays.values()];
    const found = new Violations(this.violations);
    const restocked = total(replays.map((replay) => replay.restocked));
    const sold = new Map(
      replays.flatMap(({ balances }) => [...balances].map(([sku, balance]) => [sku, balance.sold] as const)),
    );
    for (const [sku, units] of this.confirmed) {
      const stock = restocked.get(sku) ?? 0;
      if (units > stock) found.add(`${sku}: ${units} units confirmed of ${stock} put in`);
      if (units > (sold.get(sku) ?? 0)) {
        found.add(`${sku}: ${units} units confirmed, but ${sold.get(sku) ?? 0} committed`);
      }
    }
    this.compareEvents(replays, found);
    return found.report('no oversell', {
      skus: restocked.size,
      units: sum(restocked.values()),
      confirmedUnits: sum(this.confirmed.values()),
      commands: this.commands.records,
      events: this.events.records,
    });
  }

  private compareEvents(replays: readonly StockReplay[], found: Violations): void {
    for (const replay of replays) {
      for (const [id, event] of replay.expected) {
        const announced = this.announced.get(id);
        if (!announced) found.add(`${id} follows from the commands, but was never announced`);
        else if (
          announced.kind !== event.kind ||
          announced.sku !== event.sku ||
          announced.quantity !== event.quantity
        ) {
          found.add(`${id} must be ${text(event)}, but was announced as ${text(announced)}`);
        }
      }
    }
    const known = new Set(replays.flatMap((replay) => [...replay.expected.keys()]));
    for (const id of this.announced.keys()) {
      if (!known.has(id)) found.add(`${id} was announced, but does not follow from the commands`);
    }
  }
}

function text({ kind, sku, quantity }: ExpectedEvent): string {
  return `${kind} of ${quantity} ${sku}`;
}

function total(maps: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const all = new Map<string, number>();
  for (const map of maps) for (const [key, value] of map) all.set(key, (all.get(key) ?? 0) + value);
  return all;
}

function sum(values: Iterable<number>): number {
  let all = 0;
  for (const value of values) all += value;
  return all;
}
