import type { order } from '@flashmesh/contracts';
import type { IncomingEvent } from '@flashmesh/messaging';
import { fromMessage } from '../domain/order.ts';
import { isTerminal } from '../domain/saga.ts';
import { encodeRecord } from './order-text.ts';

/** A batch of `orders.events` as arguments of the RESTORE script; `dueAt` is when the open ones are driven next. */
export function restoreArguments(
  events: readonly IncomingEvent<order.OrderEvent>[],
  dueAt: number,
): (string | number)[] {
  const args: (string | number)[] = [dueAt];
  for (const { data, traceparent } of events) {
    const record = data.order && fromMessage(data.order, traceparent);
    if (!record) continue;
    const ends = isTerminal(record.state);
    // What the log tells of an order that has not ended is only that it was placed: the rest is told by inventory.
    const known = ends ? record : { ...record, state: 'PLACED' as const };
    args.push(record.order.id, encodeRecord(known), ends ? 1 : 0);
  }
  return args;
}
