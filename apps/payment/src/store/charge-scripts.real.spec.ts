import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { chargeInputs, chargeStates, transition } from '../domain/charge.ts';
import * as bodies from './charge-scripts.ts';

describe('the scripts of the charges view, on a real Redis', () => {
  const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
  let meta = '';
  let charges = '';

  const run = (body: string, ...args: (string | number)[]) => redis.eval(body, 2, meta, charges, ...args);
  const open = async (epoch = 'e1', settled = true) => {
    expect(await run(bodies.CLAIM, epoch, 1000, 2000)).toBe(1);
    await run(bodies.OPEN, epoch, 2000);
    if (settled) await run(bodies.SETTLE, epoch);
  };

  beforeEach(() => {
    const prefix = `{payments-spec-${randomUUID()}}`;
    meta = `${prefix}:meta`;
    charges = `${prefix}:charges`;
  });
  afterEach(() => redis.del(meta, charges));
  afterAll(() => redis.disconnect());

  it('steps exactly as the domain does, for every state and input', async () => {
    await open();
    for (const state of chargeStates) {
      for (const input of chargeInputs) {
        const id = `${state}-${input}`;
        const before = state === 'NONE' ? null : `${state}|1|500|EUR|buyer|1`;
        if (before) await redis.hset(charges, id, before);
        const [epoch, record] = (await run(bodies.STEP, '', id, input, 700, 'USD', 'x')) as [string, string];
        const next = transition(state, input);
        expect(epoch).toBe('e1');
        const body = state === 'NONE' ? '700|USD|x' : '500|EUR|buyer|1';
        expect(record ?? null).toBe(next === state ? before : `${next}|0|${body}`);
      }
    }
  });

  it('notes that the ledger tells a state, unless the state has moved on', async () => {
    await open();
    await redis.hset(charges, 'o', 'CHARGED|0|500|EUR|b');
    await run(bodies.LOGGED, 'e1', 'o', 'VOIDED');
    expect(await redis.hget(charges, 'o')).toBe('CHARGED|0|500|EUR|b');
    await run(bodies.LOGGED, 'e1', 'o', 'CHARGED');
    expect(await redis.hget(charges, 'o')).toBe('CHARGED|1|500|EUR|b');
  });

  it('changes nothing without a view, while it is built, or in another life of it', async () => {
    const step = (epoch: string) => run(bodies.STEP, epoch, 'o', 'ask', 500, 'EUR', 'b');
    await expect(step('')).rejects.toThrow('REBUILDING');
    await run(bodies.CLAIM, 'e1', 1000, 2000);
    await expect(step('')).rejects.toThrow('REBUILDING');
    await run(bodies.OPEN, 'e1', 2000);
    await expect(step('e0')).rejects.toThrow('EPOCH');
    await expect(run(bodies.LOGGED, 'e0', 'o', 'CHARGED')).rejects.toThrow('EPOCH');
    expect(await redis.exists(charges)).toBe(0);
  });

  it('lets one build at a time, and another when that one is gone', async () => {
    expect(await run(bodies.CLAIM, 'e1', 1000, 2000)).toBe(1);
    expect(await run(bodies.CLAIM, 'e2', 1999, 3000)).toBe(0);
    expect(await run(bodies.CLAIM, 'e2', 2000, 3000)).toBe(1);
    await expect(run(bodies.RESTORE, 'e1', 9000, 'o', 'CHARGE', 500, 'EUR', 'b')).rejects.toThrow('EPOCH');
    await expect(run(bodies.OPEN, 'e1', 9000)).rejects.toThrow('EPOCH');
    await run(bodies.OPEN, 'e2', 9000);
    expect(await run(bodies.CLAIM, 'e3', 99_000, 99_999)).toBe(0);
  });

  it('takes over the ledger: the first outcome counts', async () => {
    await run(bodies.CLAIM, 'e1', 1000, 2000);
    const entries = [
      ['a', 'CHARGE', 500, 'EUR', 'b'],
      ['a', 'VOID', 0, '', ''],
      ['b', 'VOID', 0, '', ''],
      ['b', 'CHARGE', 500, 'EUR', 'b'],
      ['c', 'CHARGE', 700, 'EUR', 'b'],
      ['c', 'REFUND', 700, 'EUR', 'b'],
      ['c', 'CHARGE', 700, 'EUR', 'b'],
      ['d', 'DECLINE', 0, 'EUR', 'b'],
    ].flat();
    await run(bodies.RESTORE, 'e1', 2000, ...entries);
    expect(await redis.hgetall(charges)).toEqual({
      a: 'CHARGED|1|500|EUR|b',
      b: 'VOIDED|1|0||',
      c: 'REFUNDED|1|700|EUR|b',
      d: 'DECLINED|1|0|EUR|b',
    });
  });

  it('promises that no money is kept only when no entry can be missing', async () => {
    await open('e1', false);
    const step = (id: string, input: string) => run(bodies.STEP, '', id, input, 500, 'EUR', 'b');
    await expect(step('o', 'void')).rejects.toThrow('UNSETTLED');
    await step('o', 'ask');
    await expect(step('o', 'void')).rejects.toThrow('UNSETTLED');
    await step('o', 'accepted');
    expect(await step('o', 'void')).toEqual(['e1', 'REFUNDED|0|500|EUR|b']);

    expect(await run(bodies.CLAIM_SETTLING, 1999, 5000)).toBe('later');
    expect(await run(bodies.CLAIM_SETTLING, 2000, 5000)).toBe('e1');
    expect(await run(bodies.CLAIM_SETTLING, 2001, 5000)).toBe('later');
    await run(bodies.RESTORE, 'e1', 5000, 'p', 'CHARGE', 900, 'EUR', 'b');
    await run(bodies.SETTLE, 'e1');
    expect(await run(bodies.CLAIM_SETTLING, 9000, 9999)).toBeNull();
    expect(await step('q', 'void')).toEqual(['e1', 'VOIDED|0|500|EUR|b']);
    expect(await step('p', 'void')).toEqual(['e1', 'REFUNDED|0|900|EUR|b']);
  });
});
