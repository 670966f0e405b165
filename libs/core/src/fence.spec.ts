import { type Fence, passFence, tokenDigits, type WriteToken } from './fence.ts';

const token = (czxid: bigint, ensemble = 'one'): WriteToken => ({ ensemble, czxid: tokenDigits(czxid) });

/** Which of the writes pass, in order. */
function passing(...tokens: (WriteToken | undefined)[]): boolean[] {
  let fence: Fence | undefined;
  return tokens.map((each) => {
    const passed = passFence(fence, each);
    if (passed) fence = passed.fence;
    return passed !== undefined;
  });
}

describe('passFence', () => {
  it('lets no token by that is older than the highest, also beyond what a double can tell apart', () => {
    const big = 2n ** 53n;
    expect(passing(token(5n), token(5n), token(4n), token(16n), token(9n))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
    expect(passing(token(big + 1n), token(big), token(big + 2n))).toEqual([true, false, true]);
  });

  it('takes a write without a token as the oldest', () => {
    expect(passing(undefined, undefined, token(1n), undefined)).toEqual([true, true, true, false]);
  });

  it('begins anew with an ensemble not seen before, and never goes back to one of the past', () => {
    expect(passing(token(900n), token(3n, 'two'), token(901n), token(2n, 'two'), token(1n, 'three'))).toEqual(
      [true, true, false, false, true],
    );
    expect(passing(token(1n), token(1n, 'two'), token(1n, 'three'), token(9n), token(9n, 'two'))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});
