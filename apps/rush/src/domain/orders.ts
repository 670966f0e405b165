import { order } from '@flashmesh/contracts';
import { FirstById, type LogRecord } from './log-record.ts';
import { type RuleReport, Violations } from './violations.ts';

/** The states in which an order ends. */
export type EndState = 'confirmed' | 'rejected' | 'cancelled';

/** What the log says of one order. */
export interface OrderStory {
  /** When it was accepted, milliseconds since the epoch; undefined when the log does not say that it was. */
  placedAt: number | undefined;
  /** Its ends, in the order in which they were announced; exactly one when all is well. */
  readonly ends: { readonly state: EndState; readonly at: number; readonly order: order.Order }[];
}

/**
 * Rule 2, no lost order: every order that was accepted, by the word of the gateway or of the log, ends in exactly one
 * state.
 */
export class LostOrderRule {
  readonly events = new FirstById();
  readonly stories = new Map<string, OrderStory>();
  private readonly accepted: readonly string[];

  /** @param accepted ids of the orders that the gateway answered with 202. */
  constructor(accepted: readonly string[] = []) {
    this.accepted = accepted;
  }

  /** Takes an event in; returns the order when it confirms one for the first time. */
  event({ id, time, data }: LogRecord<order.OrderEvent>): order.Order | undefined {
    if (!this.events.isFirst(id) || !data.order || !data.event) return undefined;
    const story = this.stories.get(data.order.id) ?? { placedAt: undefined, ends: [] };
    this.stories.set(data.order.id, story);
    const kind = data.event.$case;
    if (kind === 'placed') {
      story.placedAt = time;
      return undefined;
    }
    story.ends.push({ state: kind, at: time, order: data.order });
    return kind === 'confirmed' ? data.order : undefined;
  }

  /** Orders that have not ended yet, among them those that only the gateway knows. */
  get open(): number {
    const unknown = this.accepted.filter((id) => !this.stories.has(id)).length;
    return unknown + [...this.stories.values()].filter(({ ends }) => ends.length === 0).length;
  }

  /** Milliseconds from acceptance to confirmation, of each confirmed order. */
  confirmationTimes(): number[] {
    return [...this.stories.values()].flatMap(({ placedAt, ends }) => {
      const confirmed = ends.find(({ state }) => state === 'confirmed');
      return placedAt === undefined || !confirmed ? [] : [confirmed.at - placedAt];
    });
  }

  report(): RuleReport {
    const found = new Violations();
    const counts = { accepted: this.accepted.length, placed: 0, confirmed: 0, rejected: 0, cancelled: 0 };
    for (const [id, { placedAt, ends }] of this.stories) {
      if (placedAt === undefined) found.add(`${id} ended, but was never placed`);
      else counts.placed++;
      const [end] = ends;
      if (!end) found.add(`${id} has not ended`);
      else counts[end.state]++;
      if (ends.length > 1) {
        found.add(`${id} ended ${ends.length} times: ${ends.map(({ state }) => state).join(', ')}`);
      }
    }
    for (const id of this.accepted) {
      if (!this.stories.has(id)) found.add(`${id} was accepted, but the log does not know it`);
    }
    return found.report('no lost order', counts);
  }
}
