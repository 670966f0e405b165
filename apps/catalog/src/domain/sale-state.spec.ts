import { catalog } from '@flashmesh/contracts';
import { tokenDigits } from '@flashmesh/core';
import { isBefore, nextSale, type SaleStory } from './sale-state.ts';

const { PREPARING, OPEN, CLOSED } = catalog.SaleState;
const sale = (state: catalog.SaleState, name = 'first') => catalog.Sale.create({ id: 's', name, state });
const by = (holder: number, state: catalog.SaleState, name?: string) => ({
  ...sale(state, name),
  token: { ensemble: 'one', czxid: tokenDigits(BigInt(holder)) },
});

/** The sale after each of the records. */
function tell(...records: catalog.Sale[]): catalog.Sale[] {
  let story: SaleStory | undefined;
  return records.map((record) => (story = nextSale(story, record)).sale);
}

describe('nextSale', () => {
  it('keeps the content of the first record and moves its state forward only', () => {
    const states = [PREPARING, OPEN, PREPARING, CLOSED, OPEN];
    const seen = tell(...states.map((state, index) => sale(state, index ? 'another' : 'first')));
    expect(seen.map(({ state }) => state)).toEqual([PREPARING, OPEN, OPEN, CLOSED, CLOSED]);
    expect(new Set(seen.map(({ name }) => name))).toEqual(new Set(['first']));
  });

  it('starts anywhere: the log of an earlier version was compacted to the last record', () => {
    expect(tell(sale(CLOSED))).toEqual([sale(CLOSED)]);
  });

  it('does not hear a holder of the lock that others have followed', () => {
    const states = (...records: catalog.Sale[]) => tell(...records).map(({ state }) => state);
    expect(states(by(5, PREPARING), by(6, PREPARING), by(5, OPEN))).toEqual([
      PREPARING,
      PREPARING,
      PREPARING,
    ]);
    expect(states(by(5, PREPARING), by(6, PREPARING), by(6, OPEN))).toEqual([PREPARING, PREPARING, OPEN]);
    expect(states(by(6, OPEN), by(5, CLOSED), by(7, CLOSED))).toEqual([OPEN, OPEN, CLOSED]);
  });

  it('does not hear a record without a token any more once there was one', () => {
    expect(tell(sale(PREPARING), by(5, PREPARING), sale(OPEN)).at(-1)?.state).toBe(PREPARING);
  });

  it('shows no token to anybody', () => {
    expect(tell(by(5, PREPARING), by(5, OPEN)).map(({ token }) => token)).toEqual([undefined, undefined]);
  });
});

it('isBefore follows the way of a sale', () => {
  expect([PREPARING, OPEN, CLOSED].map((state) => isBefore({ state }, OPEN))).toEqual([true, false, false]);
});
