import { payment } from '@flashmesh/contracts';
import { assertNever } from '@flashmesh/core';

/**
 * Where the money of an order stands. PENDING: the provider is being asked, nothing is decided. CHARGED: money was taken.
 * DECLINED: none was. VOIDED: none was, and none will be. REFUNDED: money was taken and given back.
 */
export type ChargeState = 'NONE' | 'PENDING' | 'CHARGED' | 'DECLINED' | 'VOIDED' | 'REFUNDED';

/** What an entry of the ledger did. */
export type EntryKind = 'CHARGE' | 'DECLINE' | 'VOID' | 'REFUND';

/** What changes it: a charge is asked for, the provider answers, a void is asked for, or the ledger is read. */
export type ChargeInput = 'ask' | 'accepted' | 'declined' | 'void' | EntryKind;

/**
 * The state after an input; the same state when the input changes nothing. An entry of the ledger counts only where nothing
 * is decided yet: the first outcome of an order is its outcome.
 */
export function transition(state: ChargeState, input: ChargeInput): ChargeState {
  switch (state) {
    case 'NONE':
      if (input === 'ask') return 'PENDING';
      return undecided(state, input);
    case 'PENDING':
      if (input === 'accepted') return 'CHARGED';
      if (input === 'declined') return 'DECLINED';
      return undecided(state, input);
    case 'CHARGED':
      return input === 'void' || input === 'REFUND' ? 'REFUNDED' : state;
    case 'DECLINED':
    case 'VOIDED':
    case 'REFUNDED':
      return state;
    default:
      return assertNever(state, 'state');
  }
}

function undecided(state: ChargeState, input: ChargeInput): ChargeState {
  if (input === 'void' || input === 'VOID') return 'VOIDED';
  if (input === 'CHARGE') return 'CHARGED';
  return input === 'DECLINE' ? 'DECLINED' : state;
}

/** Every state and every input: together the whole table. */
export const chargeStates = [
  'NONE',
  'PENDING',
  'CHARGED',
  'DECLINED',
  'VOIDED',
  'REFUNDED',
] as const satisfies readonly ChargeState[];
export const chargeInputs = [
  'ask',
  'accepted',
  'declined',
  'void',
  'CHARGE',
  'DECLINE',
  'VOID',
  'REFUND',
] as const satisfies readonly ChargeInput[];

/** The money of one order. */
export interface Charge {
  readonly orderId: string;
  readonly state: ChargeState;
  /** Whether the ledger is known to tell the state. */
  readonly logged: boolean;
  /** In minor units; 0 for an order that was voided before anybody asked to charge it. */
  readonly amount: number;
  readonly currency: string;
  readonly buyerId: string;
}

/** How a charge is answered. A charge of an order whose money went back is answered like one that was voided in time. */
export function outcomeOf(state: ChargeState): payment.ChargeOutcome {
  switch (state) {
    case 'CHARGED':
      return payment.ChargeOutcome.CHARGED;
    case 'DECLINED':
      return payment.ChargeOutcome.DECLINED;
    case 'VOIDED':
    case 'REFUNDED':
      return payment.ChargeOutcome.VOIDED;
    case 'NONE':
    case 'PENDING':
      throw new TypeError(`a charge in state ${state} has no outcome`);
    default:
      return assertNever(state, 'state');
  }
}
