import { ManualClock } from '@flashmesh/core';
import { BuyerTokens, equalInConstantTime } from './buyer-tokens.ts';

describe('BuyerTokens', () => {
  const clock = new ManualClock();
  const tokens = new BuyerTokens({ secret: 'a secret of the shop', ttlSeconds: 60, clock });

  it('names the buyer until it expires', async () => {
    const { token, expiresAt } = tokens.issue('buy_1');
    expect(tokens.verify(token)).toEqual({ buyerId: 'buy_1', expiresAt });
    expect(expiresAt).toBe(clock.now() + 60_000);
    await clock.advance(59_999);
    expect(tokens.verify(token).buyerId).toBe('buy_1');
    await clock.advance(1);
    expect(() => tokens.verify(token)).toThrow(expect.objectContaining({ code: 'TOKEN_EXPIRED' }));
  });

  it('refuses whatever was changed, cut or signed by somebody else', () => {
    const { token } = tokens.issue('buy_1');
    const other = new BuyerTokens({ secret: 'another secret!!', ttlSeconds: 60, clock }).issue('buy_1').token;
    const last = token.at(-1) as string;
    // The last character carries two bits that decoding ignores: its neighbour stands for the same bytes.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const respelled = `${token.slice(0, -1)}${alphabet[alphabet.indexOf(last) ^ 1]}`;
    const forgeries = [
      '',
      '.',
      'fm1',
      'fm1.buy_1.0.zzzzzz.',
      token.slice(0, -1),
      `${token}A`,
      token.replace('buy_1', 'buy_2'),
      respelled,
      other,
    ];
    for (const forged of forgeries) {
      expect(() => tokens.verify(forged)).toThrow(
        expect.objectContaining({ kind: 'unauthenticated', code: 'TOKEN_INVALID' }),
      );
    }
  });

  it('compares texts of any length', () => {
    expect(equalInConstantTime('same', 'same')).toBe(true);
    expect(equalInConstantTime('same', 'sama')).toBe(false);
    expect(equalInConstantTime('same', 'longer')).toBe(false);
  });
});
