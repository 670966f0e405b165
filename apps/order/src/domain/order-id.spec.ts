import { fingerprintOf, orderIdOf } from './order-id.ts';

describe('orderIdOf', () => {
  it('is the same for the same buyer and key, and has the documented shape', () => {
    expect(orderIdOf('buyer-1', 'key-1')).toBe(orderIdOf('buyer-1', 'key-1'));
    expect(orderIdOf('buyer-1', 'key-1')).toMatch(/^ord_[a-z2-7]{26}$/);
  });

  it('encodes as RFC 4648 does', () => {
    // SHA-256 of "b\0k", computed with another tool (python: base64.b32encode(...).lower()[:26]).
    expect(orderIdOf('b', 'k')).toBe('ord_ezo66zrk4oaic2aejvunqhgjix');
  });

  it('keeps buyer and key apart', () => {
    expect(orderIdOf('a', 'bc')).not.toBe(orderIdOf('ab', 'c'));
  });
});

describe('fingerprintOf', () => {
  const wish = { saleId: 's', sku: 'k', quantity: 1, paymentMethod: 'tok_a' };

  it('changes with every field', () => {
    const prints = [
      wish,
      { ...wish, saleId: 't' },
      { ...wish, sku: 'l' },
      { ...wish, quantity: 2 },
      { ...wish, paymentMethod: 'tok_b' },
    ].map(fingerprintOf);
    expect(new Set(prints).size).toBe(prints.length);
    expect(prints[0]).toMatch(/^[0-9a-f]{64}$/);
  });
});
