import { catalog } from '@flashmesh/contracts';
import { nextSale } from './sale-state.ts';

const { PREPARING, OPEN, CLOSED } = catalog.SaleState;
const sale = (state: catalog.SaleState, name = 'first') => catalog.Sale.create({ id: 's', name, state });

describe('nextSale', () => {
  it('keeps the content of the first record and moves its state forward only', () => {
    const states = [PREPARING, OPEN, PREPARING, CLOSED, OPEN];
    let known: catalog.Sale | undefined;
    const seen = states.map((state, index) => {
      known = nextSale(known, sale(state, index ? 'another' : 'first'));
      return known;
    });
    expect(seen.map(({ state }) => state)).toEqual([PREPARING, OPEN, OPEN, CLOSED, CLOSED]);
    expect(new Set(seen.map(({ name }) => name))).toEqual(new Set(['first']));
  });

  it('starts anywhere: a compacted topic holds the last record only', () => {
    expect(nextSale(undefined, sale(CLOSED))).toEqual(sale(CLOSED));
  });
});
