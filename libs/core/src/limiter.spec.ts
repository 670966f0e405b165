import { Limiter } from './limiter.ts';
import { SingleFlight } from './single-flight.ts';

/** A promise that the test settles. */
function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

describe('Limiter', () => {
  it('runs at most the limit at once, in order, and goes on after a failure', async () => {
    const limiter = new Limiter(2);
    const started: number[] = [];
    const gates = [0, 1, 2].map(() => deferred<number>());
    const runs = gates.map((gate, index) =>
      limiter.run(() => {
        started.push(index);
        return gate.promise;
      }),
    );
    expect([started, limiter.running, limiter.queued]).toEqual([[0, 1], 2, 1]);
    gates[0]!.reject(new Error('failed'));
    await expect(runs[0]).rejects.toThrow('failed');
    expect([started, limiter.running, limiter.queued]).toEqual([[0, 1, 2], 2, 0]);
    gates[1]!.resolve(1);
    gates[2]!.resolve(2);
    expect(await Promise.all([runs[1], runs[2]])).toEqual([1, 2]);
    expect(limiter.running).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses a limit of %s', (limit) => {
    expect(() => new Limiter(limit)).toThrow(RangeError);
  });
});

describe('SingleFlight', () => {
  it('shares one call per key, success or failure, and forgets it afterwards', async () => {
    const flights = new SingleFlight<string, number>();
    let calls = 0;
    const gate = deferred<number>();
    const load = () => {
      calls++;
      return gate.promise;
    };
    const both = [flights.run('a', load), flights.run('a', load)];
    const other = flights.run('b', () => Promise.reject(new Error('no b')));
    await expect(other).rejects.toThrow('no b');
    gate.resolve(5);
    expect(await Promise.all(both)).toEqual([5, 5]);
    expect([calls, flights.size]).toEqual([1, 0]);
    expect(await flights.run('a', () => Promise.resolve(6))).toBe(6);
  });
});
