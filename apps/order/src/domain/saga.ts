import { assertNever } from '@flashmesh/core';

/** Where an order stands on its way; the names are those of `OrderState`. */
export type SagaState =
  'PLACED' | 'PAYING' | 'COMMITTING' | 'REFUNDING' | 'CONFIRMED' | 'REJECTED' | 'CANCELLED';

/** Why no units were held; the names are those of `OrderReason`. */
export type RejectReason = 'SOLD_OUT' | 'BUYER_LIMIT' | 'UNKNOWN_SKU';

/** Why an order ended without being confirmed. */
export type SagaReason = RejectReason | 'PAYMENT_DECLINED' | 'EXPIRED';

/** What the saga learns: inventory's events, and payment's answers. */
export type SagaInput =
  | { readonly kind: 'reserved' }
  | { readonly kind: 'rejected'; readonly reason: RejectReason }
  | { readonly kind: 'committed' }
  | { readonly kind: 'commitRefused' }
  | { readonly kind: 'released' }
  | { readonly kind: 'expired' }
  /** Answers to a charge: the money was taken; the method was declined; the order had been voided before. */
  | { readonly kind: 'charged' }
  | { readonly kind: 'declined' }
  | { readonly kind: 'chargeVoided' }
  /** Answer to a void: no money of the order is kept, and none will be. */
  | { readonly kind: 'voided' };

/** What a step puts on the log: an order event, or a command to inventory. */
export type SagaOutput = 'confirmed' | 'rejected' | 'cancelled' | 'commit' | 'release';

/** What a step asks of payment. Both are idempotent by order. */
export type SagaAction = 'charge' | 'void';

/** A step of the saga. */
export interface SagaStep {
  readonly next: SagaState;
  /** Present where the step ends the order without confirming it. */
  readonly reason?: SagaReason;
  readonly outputs: readonly SagaOutput[];
  readonly action?: SagaAction;
}

/**
 * The step that an order takes when it learns something; `undefined` when that changes nothing, as with every duplicate and
 * every late answer.
 *
 * Three facts carry the safety of it. Inventory decides in the order of its log, so after `expired` no `committed` can
 * come, and the other way round. A Commit is sent only after the charge is in the ledger, so `committed` implies a charge
 * that is kept, whatever this view remembers. And payment keeps no money of an order once it has answered `voided`.
 */
export function transition(state: SagaState, input: SagaInput): SagaStep | undefined {
  switch (state) {
    case 'PLACED':
      if (input.kind === 'reserved') return { next: 'PAYING', outputs: [], action: 'charge' };
      if (input.kind === 'rejected') return { next: 'REJECTED', reason: input.reason, outputs: ['rejected'] };
      return ofUnits(input);
    case 'PAYING':
      if (input.kind === 'charged') return { next: 'COMMITTING', outputs: ['commit'] };
      // The units go back before the order's end is told: whoever reads that a unit is free finds it free.
      if (input.kind === 'declined') {
        return { next: 'CANCELLED', reason: 'PAYMENT_DECLINED', outputs: ['release', 'cancelled'] };
      }
      if (input.kind === 'chargeVoided') return REFUND;
      return ofUnits(input);
    case 'COMMITTING':
      return ofUnits(input);
    case 'REFUNDING':
      if (input.kind === 'voided') return { next: 'CANCELLED', reason: 'EXPIRED', outputs: ['cancelled'] };
      return undefined;
    case 'CONFIRMED':
    case 'REJECTED':
    case 'CANCELLED':
      return undefined;
    default:
      return assertNever(state, 'state');
  }
}

const REFUND: SagaStep = { next: 'REFUNDING', outputs: [], action: 'void' };

/** What the fate of the units means to an order that has not ended and is not being refunded. */
function ofUnits(input: SagaInput): SagaStep | undefined {
  switch (input.kind) {
    case 'committed':
      return { next: 'CONFIRMED', outputs: ['confirmed'] };
    case 'expired':
    case 'commitRefused':
      return REFUND;
    // A release follows a decline, which the charge answers again; the rest are duplicates and late answers.
    case 'released':
    case 'reserved':
    case 'rejected':
    case 'charged':
    case 'declined':
    case 'chargeVoided':
    case 'voided':
      return undefined;
    default:
      return assertNever(input, 'input');
  }
}

/** Every state. */
export const sagaStates = [
  'PLACED',
  'PAYING',
  'COMMITTING',
  'REFUNDING',
  'CONFIRMED',
  'REJECTED',
  'CANCELLED',
] as const satisfies readonly SagaState[];

/** Every input there can be: together with the states, the saga's whole table. */
export const sagaInputs = [
  { kind: 'reserved' },
  { kind: 'rejected', reason: 'SOLD_OUT' },
  { kind: 'rejected', reason: 'BUYER_LIMIT' },
  { kind: 'rejected', reason: 'UNKNOWN_SKU' },
  { kind: 'committed' },
  { kind: 'commitRefused' },
  { kind: 'released' },
  { kind: 'expired' },
  { kind: 'charged' },
  { kind: 'declined' },
  { kind: 'chargeVoided' },
  { kind: 'voided' },
] as const satisfies readonly SagaInput[];

/** Whether nothing can change the order any more. */
export function isTerminal(state: SagaState): boolean {
  return state === 'CONFIRMED' || state === 'REJECTED' || state === 'CANCELLED';
}
