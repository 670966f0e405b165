import { catalog } from '@flashmesh/contracts';
import { isOpen } from './sale-window.ts';

const window = { opensAt: new Date(1000), closesAt: new Date(2000) };

describe('isOpen', () => {
  it.each([
    [999, false],
    [1000, true],
    [1999, true],
    [2000, false],
  ])('at %i: %s', (now, open) => {
    expect(isOpen({ ...window, state: catalog.SaleState.OPEN }, now)).toBe(open);
  });

  it.each([catalog.SaleState.PREPARING, catalog.SaleState.CLOSED, catalog.SaleState.UNSPECIFIED])(
    'never in state %s',
    (state) => expect(isOpen({ ...window, state }, 1500)).toBe(false),
  );

  it('never without a window', () => {
    const state = catalog.SaleState.OPEN;
    expect(isOpen({ ...window, state, opensAt: undefined }, 1500)).toBe(false);
    expect(isOpen({ ...window, state, closesAt: undefined }, 1500)).toBe(false);
  });
});
