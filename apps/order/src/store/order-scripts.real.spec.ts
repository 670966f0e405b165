import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { OrderRecord } from '../domain/order.ts';
import { isTerminal, sagaInputs, type SagaState, sagaStates, transition } from '../domain/saga.ts';
import { DUE, GET, MISSING, PLACE, RESTORE, STEP } from './order-scripts.ts';
import { decodeRecord, encodeRecord, splitHead } from './order-text.ts';
import { inputCode } from './saga-lua.ts';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('the scripts of the orders view, on a real Redis', () => {
  const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379');
  let prefix = '';

  beforeEach(() => {
    prefix = `{orders-spec-${randomUUID()}}`;
  });
  afterEach(async () => {
    await redis.del(`${prefix}:orders`, `${prefix}:open`, `${prefix}:outbox`);
  });
  afterAll(() => redis.disconnect());

  /** Runs a body with what the projection gives it: `S`, `A` and `emit`. */
  function run(body: string, ...args: (string | number)[]): Promise<unknown> {
    const prelude = `
      local S = { orders = KEYS[1], open = KEYS[2] }
      local A = ARGV
      local function emit(entry) redis.call('RPUSH', KEYS[3], entry) end
    `;
    const keys = [`${prefix}:orders`, `${prefix}:open`, `${prefix}:outbox`];
    return redis.eval(prelude + body, keys.length, ...keys, ...args);
  }

  function record(id: string, state: SagaState = 'PLACED', updatedAt = 1000): OrderRecord {
    return {
      order: {
        id,
        buyerId: 'b|1',
        saleId: 's',
        sku: 'k',
        quantity: 2,
        unitPrice: 250,
        currency: 'EUR',
        paymentMethod: 'tok_a',
        fingerprint: 'f',
        limitPerBuyer: 2,
        reservationTtlSeconds: 30,
        placedAt: 1e3,
        traceparent: TRACE,
      },
      state,
      updatedAt,
    };
  }

  it('places an order once', async () => {
    expect(await run(PLACE, 'o', encodeRecord(record('o')), 5000)).toBeNull();
    expect(await run(PLACE, 'o', encodeRecord(record('o', 'PAYING')), 5000)).toBe(encodeRecord(record('o')));
    expect(decodeRecord((await run(GET, 'o')) as string)).toEqual(record('o'));
    expect(await run(MISSING, 'x', 'o', 'y')).toEqual(['x', 'y']);
  });

  it('creates no order beyond those that may be open, and answers for one that is there', async () => {
    await run(PLACE, 'a', encodeRecord(record('a')), 5000, 2);
    await run(PLACE, 'b', encodeRecord(record('b')), 5000, 2);
    expect(await run(PLACE, 'c', encodeRecord(record('c')), 5000, 2)).toBe('busy');
    expect(await run(GET, 'c')).toBeNull();
    expect(await run(PLACE, 'a', encodeRecord(record('a')), 5000, 2)).toBe(encodeRecord(record('a')));
    expect(await run(PLACE, 'c', encodeRecord(record('c')), 5000)).toBeNull();
  });

  it('steps exactly as the domain does, for every state and input', async () => {
    for (const state of sagaStates) {
      for (const input of sagaInputs) {
        const id = `${state}-${inputCode(input)}`;
        const before = record(id, state);
        await redis.hset(`${prefix}:orders`, id, encodeRecord(before));
        await redis.zadd(`${prefix}:open`, 1, id);
        await redis.del(`${prefix}:outbox`);
        const actions = (await run(STEP, 7000, id, inputCode(input), 2000, 'tp')) as string[];

        const step = transition(state, input);
        const after = step
          ? { ...before, state: step.next, reason: step.reason, updatedAt: 2000 }
          : { ...before };
        const text = (await run(GET, id)) as string;
        expect(decodeRecord(text)).toEqual(after);
        expect(actions).toEqual(step?.action ? [step.action, 'tp', text] : []);
        const entries = await redis.lrange(`${prefix}:outbox`, 0, -1);
        expect(entries).toEqual((step?.outputs ?? []).map((output) => `${output}|2000|tp|${text}`));
        const due = await redis.zscore(`${prefix}:open`, id);
        expect(due).toBe(step ? (isTerminal(step.next) ? null : '7000') : '1');
      }
    }
  });

  it('steps through a batch in order, skipping orders it does not know', async () => {
    await run(PLACE, 'o', encodeRecord(record('o')), 5000);
    const inputs = [
      ['ghost', 'reserved'],
      ['o', 'reserved'],
      ['o', 'committed'],
      ['o', 'expired'],
    ].flatMap(([id = '', input = '']): (string | number)[] => [id, input, 2000, TRACE]);
    const actions = (await run(STEP, 7000, ...inputs)) as string[];
    expect(actions[0]).toBe('charge');
    expect(decodeRecord((await run(GET, 'o')) as string).state).toBe('CONFIRMED');
    const [entry = ''] = await redis.lrange(`${prefix}:outbox`, 0, -1);
    expect(splitHead(entry, 3).slice(0, 3)).toEqual(['confirmed', '2000', TRACE]);
    expect(await redis.exists(`${prefix}:open`)).toBe(0);
  });

  it('drives an order less and less often while nothing moves', async () => {
    await run(PLACE, 'o', encodeRecord(record('o')), 6000);
    const due = (now: number) => run(DUE, now, 10, 5000, 60_000) as Promise<string[]>;
    expect(await due(5999)).toEqual([]);
    expect(await due(6000)).toEqual([encodeRecord(record('o'))]);
    expect(await due(10_999)).toEqual([]);
    expect(await due(21_000)).toHaveLength(1);
    expect(await redis.zscore(`${prefix}:open`, 'o')).toBe('41000');
    expect(await due(1_000_000)).toHaveLength(1);
    expect(await redis.zscore(`${prefix}:open`, 'o')).toBe('1060000');
  });

  it('restores from the log: the first ending counts, and no placement undoes it', async () => {
    const text = (id: string, state: SagaState) => encodeRecord(record(id, state));
    const events: [string, SagaState, 0 | 1][] = [
      ['a', 'PLACED', 0],
      ['b', 'PLACED', 0],
      ['b', 'CONFIRMED', 1],
      ['b', 'CANCELLED', 1],
      ['b', 'PLACED', 0],
      ['c', 'REJECTED', 1],
      ['c', 'PLACED', 0],
    ];
    await run(
      RESTORE,
      5000,
      ...events.flatMap(([id, state, ends]): (string | number)[] => [id, text(id, state), ends]),
    );
    const states = await Promise.all(
      ['a', 'b', 'c'].map(async (id) => decodeRecord((await run(GET, id)) as string).state),
    );
    expect(states).toEqual(['PLACED', 'CONFIRMED', 'REJECTED']);
    expect(await redis.zrange(`${prefix}:open`, '0', '-1')).toEqual(['a']);
    expect(await redis.zscore(`${prefix}:open`, 'a')).toBe('5000');
  });
});
