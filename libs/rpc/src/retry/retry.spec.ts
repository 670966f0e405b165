import { ManualClock } from '@flashmesh/core';
import { Metadata } from '@grpc/grpc-js';
import { Echo } from '../testing/echo.ts';
import { MethodLatency } from './method-latency.ts';
import { callPolicy } from './method-policy.ts';
import { RetryBudget } from './retry-budget.ts';
import { mayRetry, retryDelayMs } from './retry-decision.ts';

describe('RetryBudget', () => {
  const spend = (budget: RetryBudget) => {
    let spent = 0;
    while (spent < 10_000 && budget.withdraw()) spent++;
    return spent;
  };

  it('allows 10 a second besides a fifth of the calls, over 10 s', async () => {
    const clock = new ManualClock();
    const budget = new RetryBudget({}, clock);
    expect(spend(budget)).toBe(100);
    for (let i = 0; i < 1000; i++) budget.deposit();
    expect(budget.left).toBe(200);
    expect(spend(budget)).toBe(200);
    await clock.advance(9000);
    expect(spend(budget)).toBe(0);
    await clock.advance(2000);
    expect(spend(budget)).toBe(100);
  });

  it('can be nothing at all', () => {
    expect(new RetryBudget({ ratio: 0, minPerSecond: 0 }).withdraw()).toBe(false);
    expect(() => new RetryBudget({ ratio: -1 })).toThrow('ratio must be between');
  });
});

describe('retryDelayMs', () => {
  const pushback = (...values: string[]) => {
    const trailers = new Metadata();
    for (const value of values) trailers.add('grpc-retry-pushback-ms', value);
    return retryDelayMs(trailers, 1, true);
  };

  it('does what the server says, and nothing when it cannot be understood', () => {
    expect(pushback('120')).toBe(120);
    expect(pushback('0')).toBe(0);
    for (const no of ['-1', '', 'soon', '1.5', '99999999999']) expect(pushback(no)).toBeUndefined();
    expect(pushback('1', '2')).toBeUndefined();
  });

  it('goes elsewhere at once, then waits longer each time', () => {
    expect(retryDelayMs(undefined, 1, true)).toBe(0);
    expect(retryDelayMs(new Metadata(), 1, false, () => 1)).toBe(25);
    expect(retryDelayMs(new Metadata(), 2, true, () => 1)).toBe(50);
    expect(retryDelayMs(new Metadata(), 2, true, () => 0)).toBe(25);
    expect(retryDelayMs(new Metadata(), 20, true, () => 1)).toBe(250);
  });

  it('is pointless when less is left than most calls take', () => {
    expect(mayRetry(10, 20)).toBe(false);
    expect(mayRetry(30, 20)).toBe(true);
    expect(mayRetry(0, undefined)).toBe(false);
  });
});

describe('MethodLatency', () => {
  it('says nothing until it has seen enough', () => {
    const latency = new MethodLatency();
    for (let i = 0; i < 99; i++) latency.record(10, 0);
    expect(latency.quantile(0.5, 0)).toBeUndefined();
    latency.record(10, 1);
    expect(latency.quantile(0.5, 200)).toBeGreaterThanOrEqual(10);
  });
});

describe('callPolicy', () => {
  const { read, write } = Echo.methods;

  it('retries what the schema calls idempotent, and nothing else', () => {
    expect(callPolicy(read, {}, 2000)).toMatchObject({ maxAttempts: 3, deadlineMs: 2000 });
    expect(callPolicy(write, {}, 2000)).toMatchObject({ maxAttempts: 1 });
    expect(callPolicy(write, { idempotent: true }, 2000)).toMatchObject({ maxAttempts: 3 });
    expect(callPolicy(read, { idempotent: false }, 2000)).toMatchObject({ maxAttempts: 1 });
  });

  it('does not let anybody repeat what must not be', () => {
    for (const policy of [{ maxAttempts: 2 }, { hedge: true }, { retryOn: ['unavailable'] as const }]) {
      expect(() => callPolicy(write, policy, 2000)).toThrow('Write is not idempotent');
    }
  });

  it('refuses values that make no sense', () => {
    expect(() => callPolicy(read, { deadlineMs: 0 }, 2000)).toThrow(
      'deadlineMs must be a positive integer, got 0',
    );
    expect(() => callPolicy(read, { hedge: { percentile: 95 } }, 2000)).toThrow('percentile');
    expect(() => callPolicy(read, { tryTimeoutMs: -1 }, 2000)).toThrow('tryTimeoutMs');
    const given = (policy: object) => () => callPolicy(read, policy, 2000);
    expect(given({ tryTimeoutMS: 50 })).toThrow('Read has no option tryTimeoutMS');
    expect(given({ hedge: { delayMs: 5 } })).toThrow('hedge has no option delayMs');
    expect(given({ retryOn: ['UNAVAILABLE'] })).toThrow('retryOn knows no kind UNAVAILABLE');
    expect(() => new RetryBudget({ share: 0.1 } as object)).toThrow('retryBudget has no option share');
  });
});
