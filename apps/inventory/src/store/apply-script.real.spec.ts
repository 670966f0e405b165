import { randomUUID } from 'node:crypto';
import type { Fence } from '@flashmesh/core';
import { Redis } from 'ioredis';
import { apply, type Balance, EMPTY, type OrderRecord, type StockState } from '../domain/apply.ts';
import { randomCommands, seeded, type TimedCommand } from '../domain/random-commands.ts';
import type { StockEvent } from '../domain/stock-event.ts';
import { APPLY_BODY, commandArg, STATE_KEYS } from './apply-script.ts';

/** What the projection puts before a body: the state keys by suffix, the arguments, the outbox. */
const PRELUDE = `
local S, A = {}, ARGV
${STATE_KEYS.map((suffix, index) => `S['${suffix}'] = KEYS[${index + 1}]`).join('\n')}
local function emit(entry) redis.call('RPUSH', KEYS[${STATE_KEYS.length + 1}], entry) end
`;

/** A test that writes to a server only ever uses the one it was given. */
function requireEnv(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

describe('the script, against the specification', () => {
  const redis = new Redis(requireEnv('REDIS_URL'), { lazyConnect: true });
  afterAll(() => redis.disconnect());

  it.each(Array.from({ length: 30 }, (_, seed) => [seed]))(
    'comes to the same state and the same events, batch by batch (seed %i)',
    async (seed) => {
      const keys = newKeys();
      const random = seeded(seed + 1000);
      const commands = randomCommands(seed, 500);
      let state = EMPTY;
      for (let at = 0; at < commands.length;) {
        const batch = commands.slice(at, at + 1 + Math.floor(random() * 40));
        at += batch.length;
        const expected = specify(state, batch);
        state = expected.state;
        await run(keys, batch);
        expect(await takeEvents(keys)).toEqual(expected.events);
        expect(await readState(keys)).toEqual({ ...state, deadlines: deadlinesOf(state) });
      }
      await redis.del(...keys.all);
    },
  );

  it('hands the trace of each command to its event', async () => {
    const keys = newKeys();
    const arg = commandArg({ kind: 'commit', sku: 'phone', orderId: 'ord_1' }, 5, '00-aa-bb-01');
    await redis.eval(PRELUDE + APPLY_BODY, keys.all.length, ...keys.all, arg);
    expect(await takeEvents(keys)).toEqual([
      {
        kind: 'commit-refused',
        orderId: 'ord_1',
        sku: 'phone',
        quantity: 0,
        time: 5,
        traceparent: '00-aa-bb-01',
      },
    ]);
    await redis.del(...keys.all);
  });

  it('says how much it refused for its token', async () => {
    const keys = newKeys();
    const token = (czxid: string) => ({ ensemble: 'one', czxid });
    const fence = { kind: 'fence', sku: 'phone', saleId: 'sale', token: token('0000000000000002') } as const;
    const seed = { ...fence, kind: 'restock', restockId: 'sale/phone', quantity: 5 } as const;
    const stale = { ...seed, token: token('0000000000000001') };
    const time = 5;
    const commands = [fence, stale, { ...fence, token: stale.token }, seed];
    expect(
      await run(
        keys,
        commands.map((command) => ({ command, time })),
      ),
    ).toBe(2);
    expect(await redis.hgetall(keys.stock)).toEqual({ phone: '5 5 0 0' });
    await redis.del(...keys.all);
  });

  type Keys = ReturnType<typeof newKeys>;

  function newKeys() {
    const tag = `{stock-spec-${randomUUID()}}`;
    const named = Object.fromEntries(STATE_KEYS.map((suffix) => [suffix, `${tag}:${suffix}`])) as Record<
      (typeof STATE_KEYS)[number],
      string
    >;
    const outbox = `${tag}:outbox`;
    return { ...named, outbox, all: [...Object.values(named), outbox] };
  }

  function specify(from: StockState, batch: readonly TimedCommand[]) {
    let state = from;
    const events = batch.flatMap(({ command, time }) => {
      const applied = apply(state, command, time);
      state = applied.state;
      return applied.events;
    });
    return { state, events };
  }

  async function run(keys: Keys, batch: readonly TimedCommand[]): Promise<number> {
    const args = batch.map(({ command, time }) => commandArg(command, time));
    return Number(await redis.eval(PRELUDE + APPLY_BODY, keys.all.length, ...keys.all, ...args));
  }

  async function takeEvents(keys: Keys): Promise<StockEvent[]> {
    const entries = await redis.lrange(keys.outbox, 0, -1);
    await redis.del(keys.outbox);
    return entries.map((entry) => JSON.parse(entry) as StockEvent);
  }

  async function readState(keys: Keys) {
    const stock = new Map<string, Balance>();
    for (const [sku, packed] of Object.entries(await redis.hgetall(keys.stock))) {
      const [initial = NaN, available = NaN, reserved = NaN, sold = NaN] = packed.split(' ').map(Number);
      stock.set(sku, { initial, available, reserved, sold });
    }
    const orders = new Map<string, OrderRecord>();
    for (const [orderId, packed] of Object.entries(await redis.hgetall(keys.orders))) {
      const [state, quantity, expiresAt, sku = '', saleId = '', ...buyer] = packed.split(' ');
      orders.set(orderId, {
        state: state as OrderRecord['state'],
        quantity: Number(quantity),
        expiresAt: Number(expiresAt),
        sku,
        saleId,
        buyerId: buyer.join(' '),
      });
    }
    const buyers = Object.entries(await redis.hgetall(keys.buyers));
    const deadlines = await redis.zrange(keys.deadlines, '0', '-1', 'WITHSCORES');
    return {
      stock,
      orders,
      held: new Map(buyers.map(([key, units]) => [key, Number(units)])),
      restocks: new Set(await redis.smembers(keys.restocks)),
      fences: new Map(Object.entries(await redis.hgetall(keys.fences)).map(unpackFence)),
      deadlines: new Map(deadlines.flatMap(pairWithNext)),
    };
  }

  function deadlinesOf({ orders }: StockState): ReadonlyMap<string, number> {
    const waiting = [...orders].filter(([, { state }]) => state === 'reserved');
    return new Map(waiting.map(([orderId, { expiresAt }]) => [orderId, expiresAt]));
  }
});

function unpackFence([saleId, packed]: [string, string]): [string, Fence] {
  const [czxid = '', ensemble = '', ...superseded] = packed.split(' ');
  return [saleId, { ensemble, czxid, superseded }];
}

/** For flatMap over member, score, member, score, ... */
function pairWithNext(entry: string, at: number, all: readonly string[]): [string, number][] {
  return at % 2 ? [] : [[entry, Number(all[at + 1])]];
}
