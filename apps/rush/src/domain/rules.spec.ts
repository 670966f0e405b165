import { payment } from '@flashmesh/contracts';
import { HandMadeLog } from './hand-made-log.ts';

const { LedgerEntryKind } = payment;

/** Five units; three orders confirmed (4 units), one too late, one declined, one expired. */
function goodLog(): HandMadeLog {
  return new HandMadeLog()
    .restock('demo/phone', 5)
    .confirmed('o1')
    .declined('o2', 2)
    .confirmed('o3', 2)
    .expired('o4', 2)
    .confirmed('o5')
    .rejected('o6', 2);
}

/** Which rules are broken. */
function broken(log: HandMadeLog, accepted: string[] = []): string[] {
  const { oversell, lost, money } = log.check(accepted);
  return [oversell, lost, money].filter(({ ok }) => !ok).map(({ rule }) => rule);
}

const token = (czxid: number, ensemble = 'one') => ({ ensemble, czxid: String(czxid).padStart(16, '0') });

describe('a shop without a fault', () => {
  it('puts nothing in for a holder of the sale’s lock that others have followed', () => {
    const units = (log: HandMadeLog) => log.check().oversell.counts['units'];
    expect(units(new HandMadeLog().seed(5, token(7)).fence(token(8)))).toBe(5);
    expect(units(new HandMadeLog().fence(token(8)).seed(5, token(7)))).toBe(0);
    expect(units(new HandMadeLog().fence(token(8)).seed(5, token(7)).seed(5, token(8)))).toBe(5);
    expect(units(new HandMadeLog().fence(token(8)).seed(5, token(1, 'two')))).toBe(5);
    expect(units(new HandMadeLog().fence(token(8)).fence(token(1, 'two')).seed(5, token(9)))).toBe(0);
    const nonsense = { ensemble: 'one', czxid: 'x' };
    expect(broken(new HandMadeLog().fence(nonsense).seed(5, nonsense).restock('more', 1))).toEqual([]);
  });

  it('breaks no rule, and is counted', () => {
    const { oversell, lost, money } = goodLog().check(['o1', 'o6']);
    expect([...oversell.examples, ...lost.examples, ...money.examples]).toEqual([]);
    expect(oversell.counts).toMatchObject({ skus: 1, units: 5, confirmedUnits: 4 });
    expect(lost.counts).toEqual({ accepted: 2, placed: 6, confirmed: 3, rejected: 1, cancelled: 2 });
    expect(money.counts).toEqual({
      charges: 4,
      refunds: 1,
      charged: 600,
      refunded: 200,
      confirmedAmount: 400,
    });
  });

  it('may repeat any record', () => {
    const log = goodLog();
    log.commands.push(...log.commands);
    log.events.push(...log.events);
    log.orders.push(...log.orders);
    log.ledger.push(...log.ledger);
    expect(broken(log)).toEqual([]);
    expect(log.check().lostRule.events.duplicates).toBe(12);
  });

  it('may have nonsense among the commands', () => {
    const log = goodLog();
    log.command('x', undefined as never).restock('zero', 0);
    log.command('y/expire', { $case: 'expire', value: { orderId: 'unknown' } });
    log.command('o1/expire', { $case: 'expire', value: { orderId: 'o1' } });
    expect(broken(log)).toEqual([]);
  });

  it('measures how long confirmation takes', () => {
    expect(new HandMadeLog().restock('r', 1).confirmed('o1').check().lostRule.confirmationTimes()).toEqual([
      6,
    ]);
  });
});

describe('rule 1, no oversell, is broken by', () => {
  it('more units confirmed than put in', () => {
    const log = new HandMadeLog().restock('demo/phone', 1).confirmed('o1').confirmed('o2');
    const { oversell } = log.check();
    expect(oversell.examples).toContain('phone: 2 units confirmed of 1 put in');
    expect(broken(log)).toEqual(['no oversell']);
  });

  it('a reservation that the commands do not allow', () => {
    const log = new HandMadeLog()
      .restock('demo/phone', 1)
      .confirmed('o1')
      .placed('o2')
      .event('o2', 'reserved');
    expect(log.check().oversell.examples).toEqual([
      'o2/rejected follows from the commands, but was never announced',
      'o2/reserved was announced, but does not follow from the commands',
    ]);
  });

  it('a reservation above the limit of a buyer', () => {
    const log = new HandMadeLog().restock('demo/phone', 9).confirmed('o1', 3);
    expect(broken(log)).toEqual(['no oversell']);
  });

  it('an expiry before its time, and a commit after it', () => {
    const early = new HandMadeLog().restock('demo/phone', 1).placed('o1').event('o1', 'reserved');
    early.command('o1/expire', { $case: 'expire', value: { orderId: 'o1' } }).event('o1', 'expired');
    expect(early.check().oversell.examples).toEqual([
      'o1/expired was announced, but does not follow from the commands',
    ]);
    const late = new HandMadeLog().restock('demo/phone', 1).expired('o1').event('o1', 'committed');
    expect(late.check().oversell.ok).toBe(false);
  });

  it('an event with other units, or none at all', () => {
    const other = goodLog();
    other.events[0] = { ...other.events[0]!, data: { ...other.events[0]!.data, quantity: 2 } };
    expect(other.check().oversell.examples).toEqual([
      'o1/reserved must be reserved of 1 phone, but was announced as reserved of 2 phone',
    ]);
    const none = goodLog();
    none.events.shift();
    expect(none.check().oversell.examples).toEqual([
      'o1/reserved follows from the commands, but was never announced',
    ]);
  });

  it('units put in by a holder of the sale’s lock that others have followed', () => {
    const log = new HandMadeLog().fence(token(8)).seed(1, token(7)).confirmed('o1');
    expect(log.check().oversell.examples).toContain('phone: 1 units confirmed of 0 put in');
  });

  it('the same units put in twice by one restock', () => {
    const log = new HandMadeLog()
      .restock('demo/phone', 1)
      .restock('demo/phone', 1)
      .confirmed('o1')
      .confirmed('o2');
    expect(log.check().oversell.examples).toContain('phone: 2 units confirmed of 1 put in');
  });
});

describe('rule 2, no lost order, is broken by', () => {
  it('an order that does not end', () => {
    const log = goodLog().placed('o7').event('o7', 'reserved');
    expect(log.check().lost.examples).toEqual(['o7 has not ended']);
    expect(log.check().lostRule.open).toBe(1);
    expect(broken(log)).toEqual(['no lost order']);
  });

  it('an accepted order that the log does not know', () => {
    const { lost, lostRule } = goodLog().check(['o1', 'o99']);
    expect(lost.examples).toEqual(['o99 was accepted, but the log does not know it']);
    expect(lostRule.open).toBe(1);
  });

  it('an order that ends twice', () => {
    const log = goodLog().order('o6', 'cancelled', 2);
    expect(log.check().lost.examples).toEqual(['o6 ended 2 times: rejected, cancelled']);
    expect(broken(log)).toEqual(['no lost order']);
  });

  it('an order that ends without having been placed', () => {
    expect(goodLog().order('o8', 'rejected').check().lost.examples).toEqual([
      'o8 ended, but was never placed',
    ]);
  });
});

describe('rule 3, no double charge, is broken by', () => {
  it('a second charge', () => {
    const log = goodLog().money('o1', 'outcome-again', LedgerEntryKind.CHARGE, 100);
    expect(log.check().money.examples).toContain('o1 was charged 2 times');
    expect(broken(log)).toEqual(['no double charge']);
  });

  it('a missing refund', () => {
    const log = goodLog();
    log.ledger.splice(
      log.ledger.findIndex(({ id }) => id === 'o4/refund'),
      1,
    );
    expect(log.check().money.examples).toEqual([
      'o4 is cancelled, but 200 is kept',
      '600 charged - 0 refunded is not 400, the sum of confirmed orders',
    ]);
    expect(broken(log)).toEqual(['no double charge']);
  });

  it('a confirmed order without money, or with too little', () => {
    const none = goodLog();
    none.ledger.shift();
    expect(none.check().money.examples).toContain('o1 is confirmed for 100, but 0 is kept');
    const little = goodLog();
    little.ledger[0]!.data.amount = 99;
    expect(little.check().money.examples).toContain('o1 is confirmed for 100, but 99 is kept');
  });

  it('two wrongs that cancel out in the sum', () => {
    const log = goodLog();
    const [first] = log.ledger.splice(0, 1);
    log.money('o6', 'outcome', LedgerEntryKind.CHARGE, first!.data.amount);
    expect(log.check().money.examples).toEqual([
      'o1 is confirmed for 100, but 0 is kept',
      'o6 is rejected, but 100 is kept',
    ]);
  });

  it('a refund of what was never taken, and money of an unknown order', () => {
    const log = goodLog()
      .money('o6', 'refund', LedgerEntryKind.REFUND, 5)
      .money('x', 'outcome', LedgerEntryKind.CHARGE, 5);
    const { examples } = log.check().money;
    expect(examples).toContain('o6: 5 refunded of 0 charged');
    expect(examples).toContain('x: 5 kept of an unknown order');
  });
});
