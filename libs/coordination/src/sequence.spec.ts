import { inSequence } from './sequence.ts';

describe('inSequence', () => {
  it('orders by number, whatever stands before it, and over the wrap of the counter', () => {
    const names = [
      'b-lock--2147483648',
      'a-lock-2147483647',
      'c-lock--2147483647',
      'z-lock-2147483646',
      'not-one-of-ours',
      'r__READ__-2147483646',
      'w__WRIT__2147483645',
    ];
    expect(inSequence(names)).toEqual([
      'w__WRIT__2147483645',
      'z-lock-2147483646',
      'a-lock-2147483647',
      'b-lock--2147483648',
      'c-lock--2147483647',
      'r__READ__-2147483646',
    ]);
  });
});
