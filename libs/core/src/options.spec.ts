import { assertNever, FlashmeshError, invalidArgument, messageOf, unavailable } from './errors.ts';
import { requireInRange, requirePositiveInteger, withDefaults } from './options.ts';

describe('options', () => {
  it('fills in defaults for what is undefined, and only for that', () => {
    const defaults = { timeoutMs: 10, name: 'x', enabled: true };
    expect(
      withDefaults<Partial<typeof defaults>>(defaults, { timeoutMs: undefined, enabled: false }),
    ).toEqual({
      timeoutMs: 10,
      name: 'x',
      enabled: false,
    });
  });

  it('names the option and the value that broke a rule', () => {
    expect(() => requirePositiveInteger('maxEntries', 0)).toThrow(
      'maxEntries must be a positive integer, got 0',
    );
    expect(() => requireInRange('jitter', 1.2, 0, 1)).toThrow('jitter must be between 0 and 1, got 1.2');
    expect(requireInRange('jitter', 0.2, 0, 1)).toBe(0.2);
  });
});

describe('errors', () => {
  it('carry kind, code, field, retry and cause', () => {
    const cause = new Error('reset');
    expect(unavailable('DOWN', 'try later', { cause })).toMatchObject({
      kind: 'unavailable',
      code: 'DOWN',
      retryAfterMs: 500,
      cause,
      name: 'FlashmeshError',
    });
    expect(invalidArgument('quantity', 'must be 1 or more')).toMatchObject({
      kind: 'invalid_argument',
      field: 'quantity',
      message: 'quantity must be 1 or more',
    });
    expect(invalidArgument('a', 'b')).toBeInstanceOf(FlashmeshError);
    expect(messageOf('text')).toBe('text');
    expect(() => assertNever('x' as never, 'state')).toThrow('unexpected state: "x"');
  });
});
