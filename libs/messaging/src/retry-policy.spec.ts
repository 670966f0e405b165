import { FlashmeshError, unavailable } from '@flashmesh/core';
import { DEFAULT_RETRY_POLICY, RetryBudget } from './retry-policy.ts';
import { isTransient } from './transient.ts';

const policy = { initialDelayMs: 100, maxDelayMs: 1000, poisonAttempts: 3 };

describe('RetryBudget', () => {
  it('never gives up on what may pass, and waits longer each time, up to the limit', () => {
    const budget = new RetryBudget(policy, () => 1);
    const error = new FlashmeshError('aborted', 'X', 'x');
    const decisions = Array.from({ length: 100 }, () => budget.decide(error));
    expect(decisions.slice(0, 6)).toEqual(
      [100, 200, 400, 800, 1000, 1000].map((delayMs) => ({ action: 'retry', delayMs })),
    );
    expect(decisions.at(-1)).toEqual({ action: 'retry', delayMs: 1000 });
  });

  it('spreads the waits', () => {
    expect(new RetryBudget(policy, () => 0).decide(new FlashmeshError('aborted', 'X', 'x'))).toEqual({
      action: 'retry',
      delayMs: 50,
    });
  });

  it('waits as long as the other side asks for', () => {
    const budget = new RetryBudget(policy, () => 1);
    expect(budget.decide(unavailable('X', 'x', { retryAfterMs: 700 }))).toEqual({
      action: 'retry',
      delayMs: 700,
    });
    expect(budget.decide(unavailable('X', 'x', { retryAfterMs: 60_000 }))).toEqual({
      action: 'retry',
      delayMs: 1000,
    });
  });

  it('gives up after the attempts that a poison message gets, whatever passed before', () => {
    const budget = new RetryBudget(policy);
    const actions = [
      new TypeError('a'),
      unavailable('X', 'x'),
      new FlashmeshError('invalid_argument', 'B', 'b'),
      unavailable('X', 'x'),
      new TypeError('c'),
    ].map((error) => budget.decide(error).action);
    expect(actions).toEqual(['retry', 'retry', 'retry', 'retry', 'give-up']);
  });

  it('calls a handler three times by default', () => {
    expect(DEFAULT_RETRY_POLICY.poisonAttempts).toBe(3);
  });
});

describe('isTransient', () => {
  it.each([
    [unavailable('X', 'x'), true],
    [new FlashmeshError('deadline_exceeded', 'X', 'x'), true],
    [new FlashmeshError('resource_exhausted', 'X', 'x'), true],
    [new FlashmeshError('internal', 'X', 'x'), false],
    [Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }), true],
    [new Error('Connection is closed.'), true],
    [new Error('LOADING Redis is loading the dataset in memory'), true],
    [new Error('ERR wrong number of arguments'), false],
    [new TypeError('x is undefined'), false],
    ['thrown text', false],
  ])('%s: %s', (error, expected) => {
    expect(isTransient(error)).toBe(expected);
  });
});
