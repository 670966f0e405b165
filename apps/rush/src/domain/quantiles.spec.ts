import { quantilesOf } from './quantiles.ts';

describe('quantilesOf', () => {
  it('takes the nearest rank', () => {
    const values = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(quantilesOf(values)).toEqual({ p50: 50, p99: 99, max: 100 });
    expect(quantilesOf([7.04])).toEqual({ p50: 7, p99: 7, max: 7 });
    expect(quantilesOf([])).toEqual({ p50: undefined, p99: undefined, max: undefined });
  });
});
