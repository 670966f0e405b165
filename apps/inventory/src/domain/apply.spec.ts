import { apply, EMPTY, holding, type StockState } from './apply.ts';
import type { Command } from './command.ts';
import { randomCommands } from './random-commands.ts';
import { stockEventId } from './stock-event.ts';

const T = Date.UTC(2026, 0, 1);
const reserve = (
  orderId: string,
  over: Partial<Extract<Command, { kind: 'reserve' }>> = {},
): Extract<Command, { kind: 'reserve' }> => ({
  kind: 'reserve',
  sku: 'phone',
  orderId,
  saleId: 'sale',
  buyerId: `buyer of ${orderId}`,
  quantity: 1,
  limitPerBuyer: 2,
  ttlMs: 60_000,
  ...over,
});
const restock = (quantity: number, restockId = 'seed'): Command => ({
  kind: 'restock',
  sku: 'phone',
  restockId,
  quantity,
});
const about = (kind: 'commit' | 'release' | 'expire', orderId = 'a'): Command => ({
  kind,
  sku: 'phone',
  orderId,
});

/** Runs commands, each at T unless a pair names its time; returns the state and the ids of all events. */
function run(...commands: (Command | [Command, number])[]) {
  let state = EMPTY;
  const events = commands.flatMap((entry) => {
    const [command, time] = Array.isArray(entry) ? entry : [entry, T];
    const applied = apply(state, command, time);
    state = applied.state;
    return applied.events;
  });
  return { state, events, ids: events.map(stockEventId), phone: state.stock.get('phone') };
}

describe('reserve', () => {
  it('holds units until the deadline', () => {
    const { phone, events } = run(restock(5), reserve('a', { quantity: 2 }));
    expect(phone).toEqual({ initial: 5, available: 3, reserved: 2, sold: 0 });
    expect(events).toEqual([
      { kind: 'reserved', orderId: 'a', sku: 'phone', quantity: 2, time: T, expiresAt: T + 60_000 },
    ]);
  });

  it('rejects what was never stocked, what is sold out, and what exceeds the limit, in this order', () => {
    const reason = (...commands: Command[]) => run(...commands).events.at(-1);
    expect(reason(reserve('a', { quantity: 9 }))).toMatchObject({ kind: 'rejected', reason: 'unknown-sku' });
    expect(reason(restock(2), reserve('a', { quantity: 3 }))).toMatchObject({ reason: 'sold-out' });
    expect(reason(restock(9), reserve('a', { quantity: 3 }))).toMatchObject({ reason: 'buyer-limit' });
  });

  it('counts the limit per buyer, sale and SKU, over reserved and sold units', () => {
    const mine = { buyerId: 'ann', quantity: 1 };
    const { events } = run(
      restock(9),
      reserve('a', mine),
      about('commit', 'a'),
      reserve('b', mine),
      reserve('c', mine),
      reserve('d', { ...mine, saleId: 'other-sale' }),
      reserve('e', { ...mine, buyerId: 'bob' }),
    );
    expect(events.map(({ kind }) => kind)).toEqual([
      'reserved',
      'committed',
      'reserved',
      'rejected',
      'reserved',
      'reserved',
    ]);
  });

  it('gives a known order the same answer again, and nothing else, whatever it asks for now', () => {
    const { events, phone } = run(restock(1), reserve('a'), [reserve('a', { quantity: 5 }), T + 10]);
    expect(events[1]).toEqual({ ...events[0], time: T + 10 });
    expect(phone).toMatchObject({ available: 0, reserved: 1 });
    expect(run(reserve('a'), restock(5), reserve('a')).ids).toEqual(['a/rejected', 'a/rejected']);
  });
});

describe('commit, release and expire', () => {
  const held = [restock(3), reserve('a', { quantity: 2 })] as const;
  const late = T + 60_000;

  it('the first of them decides; the others change nothing', () => {
    const last = (...commands: (Command | [Command, number])[]) => {
      const { ids, phone } = run(...held, ...commands);
      return [ids.slice(1), [phone?.available, phone?.reserved, phone?.sold]];
    };
    expect(last(about('commit'), about('release'), [about('expire'), late])).toEqual([
      ['a/committed'],
      [1, 0, 2],
    ]);
    expect(last(about('release'), about('commit'), [about('expire'), late])).toEqual([
      ['a/released', 'a/commit-refused'],
      [3, 0, 0],
    ]);
    expect(last([about('expire'), late], about('release'), about('commit'))).toEqual([
      ['a/expired', 'a/commit-refused'],
      [3, 0, 0],
    ]);
  });

  it('answer a repeated commit or release the same', () => {
    expect(run(...held, about('commit'), about('commit')).ids.slice(1)).toEqual([
      'a/committed',
      'a/committed',
    ]);
    expect(run(...held, about('release'), about('release')).ids.slice(1)).toEqual([
      'a/released',
      'a/released',
    ]);
  });

  it('expire takes nothing back before the deadline, and a late commit wins until it does', () => {
    expect(run(...held, [about('expire'), late - 1]).ids).toEqual(['a/reserved']);
    expect(run(...held, [about('commit'), late + 5], [about('expire'), late + 6]).ids).toEqual([
      'a/reserved',
      'a/committed',
    ]);
  });

  it('refuse the commit of an order that is unknown or was rejected; ignore its release and expiry', () => {
    const { events } = run(about('commit'), about('release'), about('expire'));
    expect(events).toEqual([{ kind: 'commit-refused', orderId: 'a', sku: 'phone', quantity: 0, time: T }]);
    expect(run(reserve('a'), about('commit'), about('release')).ids).toEqual([
      'a/rejected',
      'a/commit-refused',
    ]);
  });

  it('give the units back to the buyer’s limit, too', () => {
    const mine = { buyerId: 'ann', quantity: 2 };
    expect(run(restock(9), reserve('a', mine), about('release'), reserve('b', mine)).ids.at(-1)).toBe(
      'b/reserved',
    );
  });
});

it('restock adds once per id', () => {
  expect(run(restock(5), restock(5), restock(2, 'more')).phone).toEqual({
    initial: 7,
    available: 7,
    reserved: 0,
    sold: 0,
  });
});

describe('fence', () => {
  const token = (czxid: number, ensemble = 'one') => ({ ensemble, czxid: String(czxid).padStart(16, '0') });
  const fence = (czxid: number, ensemble?: string): Command => ({
    kind: 'fence',
    sku: 'phone',
    saleId: 'sale',
    token: token(czxid, ensemble),
  });
  const seed = (czxid: number | undefined, saleId = 'sale'): Command => ({
    kind: 'restock',
    sku: 'phone',
    restockId: 'sale/phone',
    quantity: 5,
    saleId,
    ...(czxid === undefined ? {} : { token: token(czxid) }),
  });
  const initial = (...commands: Command[]) => run(...commands).phone?.initial;

  it('refuses what older holders of the sale’s lock add, and forgets it: a later one may still', () => {
    expect(initial(seed(1))).toBe(5);
    expect(initial(fence(2), seed(1))).toBeUndefined();
    expect(initial(fence(2), seed(undefined))).toBeUndefined();
    expect(initial(fence(2), seed(1), seed(2), seed(3))).toBe(5);
    expect(initial(fence(2), seed(1, 'other'))).toBe(5);
  });

  it('is raised by a restock, too, and never lowered', () => {
    const other: Command = {
      kind: 'restock',
      sku: 'case',
      restockId: 'sale/case',
      quantity: 1,
      saleId: 'sale',
      token: token(3),
    };
    expect(initial(other, seed(2))).toBeUndefined();
    expect(initial(fence(3), fence(1), seed(2))).toBeUndefined();
  });

  it('takes no notice of units that are for no sale', () => {
    expect(initial(fence(2), restock(4))).toBe(4);
  });

  it('follows to another ensemble and never back', () => {
    expect(initial(fence(9), fence(1, 'two'), seed(10))).toBeUndefined();
  });
});

describe('whatever comes, in whatever order', () => {
  it.each(Array.from({ length: 40 }, (_, seed) => [seed]))(
    'the books balance at every step (seed %i)',
    (seed) => {
      let state = EMPTY;
      const limits = new Map<string, number>();
      for (const { command, time } of randomCommands(seed, 400)) {
        if (command.kind === 'reserve') {
          const key = holding(command);
          limits.set(key, Math.max(limits.get(key) ?? 0, command.limitPerBuyer));
        }
        const again = apply(state, command, time);
        expect(apply(state, command, time)).toEqual(again);
        state = again.state;
        expectBalanced(state, limits);
      }
    },
  );
});

/** initial = available + reserved + sold, none negative, and each figure is what the orders add up to. */
function expectBalanced(state: StockState, limits: ReadonlyMap<string, number>): void {
  const sum = (sku: string, wanted: string) =>
    [...state.orders.values()]
      .filter((order) => order.sku === sku && order.state === wanted)
      .reduce((units, { quantity }) => units + quantity, 0);
  for (const [sku, { initial, available, reserved, sold }] of state.stock) {
    expect(initial).toBe(available + reserved + sold);
    expect(Math.min(available, reserved, sold)).toBeGreaterThanOrEqual(0);
    expect([reserved, sold]).toEqual([sum(sku, 'reserved'), sum(sku, 'sold')]);
  }
  for (const [key, units] of state.held) expect(units).toBeLessThanOrEqual(limits.get(key) ?? 0);
}
