import { payment } from '@flashmesh/contracts';
import { assertNever } from '@flashmesh/core';
import type { Charge, EntryKind } from './charge.ts';

/** An entry and the id under which it is appended: the first entry with an id is the one that counts. */
export interface IdentifiedEntry {
  readonly id: string;
  readonly entry: payment.LedgerEntry;
}

/**
 * The entries that tell the state of a charge, in order. A refund is told with its charge: the charge may have been on its
 * way to the ledger when the void came, and a duplicate of it changes nothing.
 */
export function entriesOf(charge: Charge, reason = ''): IdentifiedEntry[] {
  switch (charge.state) {
    case 'CHARGED':
      return [entryOf(charge, 'CHARGE')];
    case 'DECLINED':
      return [entryOf(charge, 'DECLINE')];
    case 'VOIDED':
      return [entryOf(charge, 'VOID', reason)];
    case 'REFUNDED':
      return [entryOf(charge, 'CHARGE'), entryOf(charge, 'REFUND', reason)];
    case 'NONE':
    case 'PENDING':
      return [];
    default:
      return assertNever(charge.state, 'state');
  }
}

function entryOf(
  { orderId, buyerId, amount, currency }: Charge,
  kind: EntryKind,
  reason = '',
): IdentifiedEntry {
  const moved = kind === 'CHARGE' || kind === 'REFUND';
  return {
    id: `${orderId}/${kind === 'REFUND' ? 'refund' : 'outcome'}`,
    entry: {
      orderId,
      buyerId,
      kind: payment.LedgerEntryKind[kind],
      amount: moved ? amount : 0,
      currency,
      reason,
    },
  };
}

const kinds = new Map<payment.LedgerEntryKind, EntryKind>(
  (['CHARGE', 'DECLINE', 'VOID', 'REFUND'] as const).map((kind) => [payment.LedgerEntryKind[kind], kind]),
);

/** What an entry did; `undefined` for kinds that this version does not know. */
export function kindOf(entry: payment.LedgerEntry): EntryKind | undefined {
  return kinds.get(entry.kind);
}
