import type { OrderRecord, PlacedOrder } from '../domain/order.ts';
import type { SagaReason, SagaState } from '../domain/saga.ts';

/**
 * How an order lies in Redis: `STATE|REASON|updatedAt|` and the order's JSON. Scripts read and write the head and hand the
 * JSON on unread, so that a step of the saga costs no parsing inside Redis.
 */
export function encodeRecord({ order, state, reason, updatedAt }: OrderRecord): string {
  return `${state}|${reason ?? ''}|${updatedAt}|${JSON.stringify(order)}`;
}

/** @throws TypeError when the text was not written by {@link encodeRecord} or a script. */
export function decodeRecord(text: string): OrderRecord {
  const [state = '', reason = '', updatedAt = '', body] = splitHead(text, 3);
  if (body === undefined) throw new TypeError(`not an order record: ${text.slice(0, 40)}`);
  return {
    order: JSON.parse(body) as PlacedOrder,
    state: state as SagaState,
    reason: (reason || undefined) as SagaReason | undefined,
    updatedAt: Number(updatedAt),
  };
}

/** The first `fields` fields of a `|`-separated text, and what follows them as it is. */
export function splitHead(text: string, fields: number): string[] {
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < fields; i++) {
    const to = text.indexOf('|', from);
    if (to < 0) return parts;
    parts.push(text.slice(from, to));
    from = to + 1;
  }
  parts.push(text.slice(from));
  return parts;
}
