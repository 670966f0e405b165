import { numberFlag, parseFlags, required, urlFlag } from './flags.ts';

const usage = expect.objectContaining({ code: 'USAGE' });

describe('the command line', () => {
  it('is refused when it says something unknown', () => {
    expect(() => parseFlags(['--nonsense'], { a: { type: 'string' } })).toThrow(usage);
    expect(() => parseFlags(['left-over'], { a: { type: 'string' } })).toThrow(usage);
    expect(parseFlags(['--a', 'x'], { a: { type: 'string' } })).toEqual({ a: 'x' });
  });

  it.each(['', 'x', '-1', '11', '1.5', 'NaN'])('refuses "%s" as a whole number from 0 to 10', (text) => {
    expect(() => numberFlag('n', text, { min: 0, max: 10, whole: true })).toThrow(usage);
  });

  it('reads numbers, addresses and what is needed', () => {
    expect(numberFlag('n', '2.5', { min: 0, max: 10 })).toBe(2.5);
    expect(urlFlag('gateway', 'http://127.0.0.1:8080')).toBe('http://127.0.0.1:8080');
    expect(() => urlFlag('gateway', '127.0.0.1:8080')).toThrow(usage);
    expect(() => required('sale', undefined)).toThrow('--sale is needed');
  });
});
