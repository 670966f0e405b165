import { sleep, throwIfAborted, within } from './abort.ts';
import { ManualClock } from './clock.ts';
import { unavailable } from './errors.ts';

describe('sleep', () => {
  it('resolves when the time has passed, and not before', async () => {
    const clock = new ManualClock();
    let awake = false;
    const nap = sleep(100, undefined, clock).then(() => (awake = true));
    await clock.advance(99);
    expect(awake).toBe(false);
    await clock.advance(1);
    await nap;
    expect(awake).toBe(true);
  });

  it('ends at once when aborted, with the reason, and leaves no timer', async () => {
    const clock = new ManualClock();
    const abort = new AbortController();
    const nap = sleep(100, abort.signal, clock);
    abort.abort(unavailable('GONE', 'the server left'));
    await expect(nap).rejects.toMatchObject({ code: 'GONE' });
    expect(clock.pending).toBe(0);
    expect(() => throwIfAborted(abort.signal)).toThrow('the server left');
  });
});

describe('within', () => {
  it('hands on the outcome and leaves no timer', async () => {
    const clock = new ManualClock();
    await expect(within(Promise.resolve(7), 10, 'x', undefined, clock)).resolves.toBe(7);
    await expect(within(Promise.reject(new Error('no')), 10, 'x', undefined, clock)).rejects.toThrow('no');
    expect(clock.pending).toBe(0);
  });

  it('gives up after the timeout, naming what took so long', async () => {
    const clock = new ManualClock();
    const wait = within(new Promise(() => undefined), 10, 'the answer', undefined, clock);
    const outcome = wait.catch((error: unknown) => error);
    await clock.advance(10);
    expect(await outcome).toMatchObject({
      kind: 'deadline_exceeded',
      message: 'the answer took longer than 10 ms',
    });
  });

  it('gives up when the signal aborts, also when it was aborted before', async () => {
    const clock = new ManualClock();
    const wait = within(new Promise(() => undefined), 10, 'x', AbortSignal.abort('user left'), clock);
    await expect(wait).rejects.toMatchObject({ kind: 'cancelled' });
    expect(clock.pending).toBe(0);
  });
});
