import { InFlight } from './in-flight.ts';

describe('InFlight', () => {
  it('refuses above the limit at once, and admits again when something ended, also by failing', async () => {
    const inFlight = new InFlight(2);
    let fail!: (error: Error) => void;
    const failing = inFlight.run(() => new Promise((_, reject) => (fail = reject)));
    let finish!: (value: number) => void;
    const running = inFlight.run(() => new Promise<number>((resolve) => (finish = resolve)));
    await expect(inFlight.run(() => Promise.resolve())).rejects.toMatchObject({
      kind: 'resource_exhausted',
      code: 'TOO_MANY_REQUESTS',
      retryAfterMs: 1000,
    });
    fail(new Error('failed'));
    await expect(failing).rejects.toThrow('failed');
    await expect(inFlight.run(() => Promise.resolve(3))).resolves.toBe(3);
    finish(1);
    await expect(running).resolves.toBe(1);
    expect(inFlight.running).toBe(0);
  });

  it('refuses a limit that is none', () => {
    expect(() => new InFlight(0)).toThrow(RangeError);
  });
});
