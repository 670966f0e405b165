import { payment } from '@flashmesh/contracts';
import {
  type Charge,
  chargeInputs,
  type ChargeState,
  chargeStates,
  outcomeOf,
  transition,
} from './charge.ts';
import { entriesOf, kindOf } from './ledger.ts';
import { checkCharge, checkVoid } from './request.ts';

describe('a charge, pair by pair', () => {
  // What is not listed changes nothing.
  const table: Record<ChargeState, Partial<Record<(typeof chargeInputs)[number], ChargeState>>> = {
    NONE: { ask: 'PENDING', void: 'VOIDED', CHARGE: 'CHARGED', DECLINE: 'DECLINED', VOID: 'VOIDED' },
    PENDING: {
      accepted: 'CHARGED',
      declined: 'DECLINED',
      void: 'VOIDED',
      CHARGE: 'CHARGED',
      DECLINE: 'DECLINED',
      VOID: 'VOIDED',
    },
    CHARGED: { void: 'REFUNDED', REFUND: 'REFUNDED' },
    DECLINED: {},
    VOIDED: {},
    REFUNDED: {},
  };

  it.each(chargeStates.flatMap((state) => chargeInputs.map((input) => [state, input] as const)))(
    '%s + %s',
    (state, input) => expect(transition(state, input)).toBe(table[state][input] ?? state),
  );

  it('answers a charge whose money is not kept as voided', () => {
    expect(outcomeOf('CHARGED')).toBe(payment.ChargeOutcome.CHARGED);
    expect(outcomeOf('DECLINED')).toBe(payment.ChargeOutcome.DECLINED);
    expect(outcomeOf('VOIDED')).toBe(payment.ChargeOutcome.VOIDED);
    expect(outcomeOf('REFUNDED')).toBe(payment.ChargeOutcome.VOIDED);
    expect(() => outcomeOf('PENDING')).toThrow(TypeError);
  });
});

describe('the ledger', () => {
  const charge: Charge = {
    orderId: 'o',
    state: 'CHARGED',
    logged: false,
    amount: 500,
    currency: 'EUR',
    buyerId: 'b',
  };

  it('tells each state so that reading it from nothing leads to the state again', () => {
    for (const state of ['CHARGED', 'DECLINED', 'VOIDED', 'REFUNDED'] as const) {
      const told = entriesOf({ ...charge, state }, 'EXPIRED');
      const again = told.reduce<ChargeState>(
        (known, { entry }) => transition(known, kindOf(entry) ?? 'ask'),
        'NONE',
      );
      expect(again).toBe(state);
    }
  });

  it('gives the one outcome of an order one id, and moves money only in charges and refunds', () => {
    const told = (['CHARGED', 'DECLINED', 'VOIDED', 'REFUNDED'] as const).map((state) =>
      entriesOf({ ...charge, state }).map(({ id, entry }) => `${id} ${kindOf(entry)} ${entry.amount}`),
    );
    expect(told).toEqual([
      ['o/outcome CHARGE 500'],
      ['o/outcome DECLINE 0'],
      ['o/outcome VOID 0'],
      ['o/outcome CHARGE 500', 'o/refund REFUND 500'],
    ]);
    expect(entriesOf({ ...charge, state: 'PENDING' })).toEqual([]);
  });

  it('counts the first outcome only, in whatever order duplicates and rivals follow', () => {
    const outcomes = ['CHARGE', 'DECLINE', 'VOID'] as const;
    for (const first of outcomes) {
      const after = transition('NONE', first);
      for (const second of outcomes) expect(transition(after, second)).toBe(after);
    }
  });
});

describe('checkCharge and checkVoid', () => {
  const good = { orderId: 'o', buyerId: 'b', amount: 1, currency: 'EUR', paymentMethod: 'tok_a' };

  it('accepts what is well formed', () => {
    expect(() => checkCharge(good)).not.toThrow();
    expect(() => checkVoid({ orderId: 'o', reason: '' })).not.toThrow();
  });

  it.each([
    ['orderId', ''],
    ['buyerId', 'a b'],
    ['amount', 0],
    ['amount', 1.5],
    ['amount', -1],
    ['currency', 'eur'],
    ['paymentMethod', 'visa'],
  ])('refuses %s = %p and names it', (field, value) => {
    expect(() => checkCharge({ ...good, [field]: value })).toThrow(
      expect.objectContaining({ kind: 'invalid_argument', field }),
    );
  });

  it('refuses a void of nothing', () => {
    expect(() => checkVoid({ orderId: '', reason: '' })).toThrow(
      expect.objectContaining({ field: 'orderId' }),
    );
  });
});
