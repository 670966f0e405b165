import { InFlight } from './in-flight.ts';

describe('InFlight', () => {
  it('has no place above the limit, and one again when something left', () => {
    const inFlight = new InFlight(2);
    expect([inFlight.enter(), inFlight.enter(), inFlight.enter()]).toEqual([true, true, false]);
    expect(inFlight.running).toBe(2);
    inFlight.leave();
    expect([inFlight.enter(), inFlight.enter()]).toEqual([true, false]);
  });

  it('refuses a limit that is none', () => {
    expect(() => new InFlight(0)).toThrow(RangeError);
  });
});
