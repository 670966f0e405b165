import { systemClock } from '@flashmesh/core';
import { Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import { info, REQUEST, TestSet } from './balancer/spec-support.ts';
import { outcomeOf, outcomeOfLateness } from './balancer-outcome.ts';

const OWN = 'Deadline exceeded after 0.5s';

/** What DEADLINE_EXCEEDED after `elapsedMs` says of the endpoint. */
function lateness(
  { details = OWN, told = false }: { details?: string; told?: boolean } = {},
  { elapsedMs = 1000, abandoned = false, usualMs }: Partial<Given> = {},
) {
  const metadata = new Metadata();
  if (told) metadata.set('content-type', 'application/grpc');
  const status: StatusObject = { code: Status.DEADLINE_EXCEEDED, details, metadata };
  return outcomeOfLateness(status, { abandoned, usualMs }, systemClock.monotonic() - elapsedMs);
}

interface Given {
  readonly elapsedMs: number;
  readonly abandoned: boolean;
  readonly usualMs: number | undefined;
}

describe('a deadline that passed', () => {
  it('is the endpoint’s fault when it had longer than calls take', () => {
    expect(lateness()).toBe('timeout');
    expect(lateness({}, { elapsedMs: 500, usualMs: 20 })).toBe('timeout');
    const own = { code: Status.DEADLINE_EXCEEDED, details: OWN, metadata: new Metadata() };
    expect(outcomeOfLateness(own, undefined, systemClock.monotonic() - 1000)).toBe('timeout');
  });

  it('says nothing when the caller was in a hurry', () => {
    expect(lateness({}, { elapsedMs: 1 })).toBe('neutral');
    expect(lateness({}, { elapsedMs: 30, usualMs: 20 })).toBe('neutral');
    expect(lateness({}, { elapsedMs: 500, usualMs: 600 })).toBe('neutral');
    // But if the server said so, it lives.
    expect(lateness({ told: true }, { elapsedMs: 1 })).toBe('answer');
  });

  it('was judged before when the attempt was given up for it', () => {
    expect(lateness({}, { abandoned: true })).toBe('neutral');
  });

  it('is no silence when the server told of it, in whatever words', () => {
    for (const details of ['Deadline exceeded', 'the deadline of the call passed', OWN]) {
      expect(lateness({ details, told: true })).toBe('failure');
    }
  });
});

describe('an answer about the request', () => {
  it('is a sign of life, unless the caller gave up', () => {
    const outcome = (code: Status, abandoned = false) =>
      outcomeOf({ code, details: '', metadata: new Metadata() }, abandoned);
    for (const code of [Status.NOT_FOUND, Status.INVALID_ARGUMENT, Status.PERMISSION_DENIED]) {
      expect(outcome(code)).toBe('answer');
    }
    expect(outcome(Status.CANCELLED, true)).toBe('neutral');
    expect(outcome(Status.CANCELLED)).toBe('failure');
  });

  it.each([
    ['answer', []],
    ['overload', []],
    ['neutral', ['a']],
  ] as const)('or not, breaks a silence: %s', async (between, ejected) => {
    const test = new TestSet([info('a'), info('b')]);
    const a = test.get('a');
    const late = async () => {
      const startedMs = test.set.started(a);
      await test.clock.advance(500);
      test.set.ended(a, startedMs, 'timeout');
    };
    await late();
    test.attempt('a', between);
    await late();
    const out = test.set.endpoints.filter(({ breaker }) => breaker.state.name === 'ejected');
    expect(out.map(({ info }) => info.key)).toEqual(ejected);
  });

  it('that comes while tries wait shows that their endpoint is not silent', async () => {
    const test = new TestSet([info('a'), info('b')]);
    const a = test.get('a');
    const waiting = [test.set.started(a), test.set.started(a)];
    await test.clock.advance(500);
    test.attempt('a', 'answer');
    await test.clock.advance(1);
    for (const startedMs of waiting) test.set.ended(a, startedMs, 'timeout');
    expect(a.breaker.state.name).toBe('closed');
  });

  it('is what a probe looks for', async () => {
    const test = new TestSet([info('a'), info('b')]);
    const a = test.get('a');
    test.attempt('a', 'failure', 5);
    await test.clock.advance(1201);
    expect(test.set.pick(REQUEST)).toBe(a);
    test.attempt('a', 'answer');
    expect(a.breaker.state.name).toBe('closed');
    expect(a.totals.ejections).toBe(1);
  });
});
