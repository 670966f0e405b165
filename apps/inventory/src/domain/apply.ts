import { assertNever, type Fence, passFence } from '@flashmesh/core';
import type { Command } from './command.ts';
import type { RejectReason, StockEvent } from './stock-event.ts';

/** The units of one SKU. Always `initial = available + reserved + sold`, and none is negative. */
export interface Balance {
  readonly initial: number;
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
}

/** What became of an order's units. A rejected order never held any; the other states are ends except `reserved`. */
export type OrderState = 'reserved' | 'sold' | 'released' | 'expired' | RejectReason;

/** What inventory remembers of an order. */
export interface OrderRecord {
  readonly state: OrderState;
  readonly sku: string;
  readonly quantity: number;
  readonly saleId: string;
  readonly buyerId: string;
  /** When an unpaid reservation may be taken back, in milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The stock of one partition. */
export interface StockState {
  readonly stock: ReadonlyMap<string, Balance>;
  readonly orders: ReadonlyMap<string, OrderRecord>;
  /** Units that a buyer holds, reserved or sold, by {@link holding}. */
  readonly held: ReadonlyMap<string, number>;
  readonly restocks: ReadonlySet<string>;
  /** By sale: which holdings of its lock may still add units. */
  readonly fences: ReadonlyMap<string, Fence>;
}

/** The state after a command, and what it announces. */
export interface Applied {
  readonly state: StockState;
  readonly events: readonly StockEvent[];
}

export const EMPTY: StockState = {
  stock: new Map(),
  orders: new Map(),
  held: new Map(),
  restocks: new Set(),
  fences: new Map(),
};

/** What the limit of a buyer counts by. */
export function holding(order: Pick<OrderRecord, 'saleId' | 'sku' | 'buyerId'>): string {
  return `${order.saleId}/${order.sku}/${order.buyerId}`;
}

/**
 * The decision about one command: the executable specification of the stock. The result depends on nothing but the
 * arguments, where `time` is the record's `ce_time`, so a replay of the log comes to the same state and the same events.
 *
 * The Lua script of the store makes the same decision; a test drives both with the same commands and compares.
 */
export function apply(state: StockState, command: Command, time: number): Applied {
  switch (command.kind) {
    case 'restock':
      return restock(state, command);
    case 'fence':
      return unchanged(passed(state, command) ?? state);
    case 'reserve':
      return reserve(state, command, time);
    case 'commit':
      return commit(state, command, time);
    case 'release':
      return release(state, command, time);
    case 'expire':
      return expire(state, command, time);
    default:
      return assertNever(command, 'command');
  }
}

type Of<K extends Command['kind']> = Extract<Command, { readonly kind: K }>;
type OrderCommand = Of<'commit' | 'release' | 'expire'>;

/** The state with the fence of the command's sale raised to its token; `undefined` when the token is stale. */
function passed(
  state: StockState,
  { saleId, token }: Pick<Of<'restock'>, 'saleId' | 'token'>,
): StockState | undefined {
  if (saleId === undefined) return state;
  const pass = passFence(state.fences.get(saleId), token);
  if (!pass?.fence) return pass && state;
  return { ...state, fences: put(state.fences, saleId, pass.fence) };
}

/** A refused restock leaves no trace: its id may come again from a later holder of the sale's lock. */
function restock(before: StockState, command: Of<'restock'>): Applied {
  const state = passed(before, command);
  if (!state) return unchanged(before);
  const { sku, restockId, quantity } = command;
  if (state.restocks.has(restockId)) return unchanged(state);
  const balance = state.stock.get(sku) ?? { initial: 0, available: 0, reserved: 0, sold: 0 };
  const more = { ...balance, initial: balance.initial + quantity, available: balance.available + quantity };
  return unchanged({
    ...state,
    stock: put(state.stock, sku, more),
    restocks: new Set(state.restocks).add(restockId),
  });
}

function reserve(state: StockState, command: Of<'reserve'>, time: number): Applied {
  const known = state.orders.get(command.orderId);
  if (known) return { state, events: [answerToReserve(command.orderId, known, time)] };

  const { orderId, sku, saleId, buyerId, quantity, limitPerBuyer, ttlMs } = command;
  const base = { sku, quantity, saleId, buyerId, expiresAt: time + ttlMs };
  const balance = state.stock.get(sku);
  const held = state.held.get(holding(base)) ?? 0;
  const remember = (order: OrderRecord, changes: Partial<StockState> = {}): Applied => ({
    state: { ...state, ...changes, orders: put(state.orders, orderId, order) },
    events: [answerToReserve(orderId, order, time)],
  });
  if (!balance) return remember({ ...base, state: 'unknown-sku' });
  if (balance.available < quantity) return remember({ ...base, state: 'sold-out' });
  if (held + quantity > limitPerBuyer) return remember({ ...base, state: 'buyer-limit' });
  const { available, reserved } = balance;
  return remember(
    { ...base, state: 'reserved' },
    {
      stock: put(state.stock, sku, {
        ...balance,
        available: available - quantity,
        reserved: reserved + quantity,
      }),
      held: put(state.held, holding(base), held + quantity),
    },
  );
}

/** A known order gets the answer that its first Reserve got, whatever happened to its units since. */
function answerToReserve(orderId: string, order: OrderRecord, time: number): StockEvent {
  const { sku, quantity, expiresAt } = order;
  switch (order.state) {
    case 'sold-out':
    case 'buyer-limit':
    case 'unknown-sku':
      return { kind: 'rejected', orderId, sku, quantity, time, reason: order.state };
    case 'reserved':
    case 'sold':
    case 'released':
    case 'expired':
      return { kind: 'reserved', orderId, sku, quantity, time, expiresAt };
    default:
      return assertNever(order.state, 'order state');
  }
}

/** A Commit always gets an answer: whoever sent it may hold the buyer's money. */
function commit(state: StockState, { orderId, sku }: OrderCommand, time: number): Applied {
  const order = state.orders.get(orderId);
  if (order?.state === 'reserved') {
    const sold = move(state, orderId, order, 'sold');
    return { state: sold, events: [happened('committed', orderId, order, time)] };
  }
  if (order?.state === 'sold') return { state, events: [happened('committed', orderId, order, time)] };
  return { state, events: [happened('commit-refused', orderId, order ?? { sku, quantity: 0 }, time)] };
}

function release(state: StockState, { orderId }: OrderCommand, time: number): Applied {
  const order = state.orders.get(orderId);
  if (order?.state === 'reserved') {
    const freed = move(state, orderId, order, 'released');
    return { state: freed, events: [happened('released', orderId, order, time)] };
  }
  if (order?.state === 'released') return { state, events: [happened('released', orderId, order, time)] };
  return unchanged(state);
}

function expire(state: StockState, { orderId }: OrderCommand, time: number): Applied {
  const order = state.orders.get(orderId);
  if (order?.state !== 'reserved' || time < order.expiresAt) return unchanged(state);
  const freed = move(state, orderId, order, 'expired');
  return { state: freed, events: [happened('expired', orderId, order, time)] };
}

/** Moves reserved units on: to the buyer, or back to the shelf and off the buyer's limit. */
function move(
  state: StockState,
  orderId: string,
  order: OrderRecord,
  to: 'sold' | 'released' | 'expired',
): StockState {
  const { sku, quantity } = order;
  const balance = state.stock.get(sku);
  if (!balance) throw new Error(`a reserved order without stock: ${orderId}`);
  const reserved = balance.reserved - quantity;
  const orders = put(state.orders, orderId, { ...order, state: to });
  if (to === 'sold') {
    const stock = put(state.stock, sku, { ...balance, reserved, sold: balance.sold + quantity });
    return { ...state, orders, stock };
  }
  const held = new Map(state.held);
  const left = (held.get(holding(order)) ?? 0) - quantity;
  if (left > 0) held.set(holding(order), left);
  else held.delete(holding(order));
  const stock = put(state.stock, sku, { ...balance, reserved, available: balance.available + quantity });
  return { ...state, orders, stock, held };
}

function happened(
  kind: 'committed' | 'commit-refused' | 'released' | 'expired',
  orderId: string,
  { sku, quantity }: Pick<OrderRecord, 'sku' | 'quantity'>,
  time: number,
): StockEvent {
  return { kind, orderId, sku, quantity, time };
}

function put<K, V>(map: ReadonlyMap<K, V>, key: K, value: V): ReadonlyMap<K, V> {
  return new Map(map).set(key, value);
}

function unchanged(state: StockState): Applied {
  return { state, events: [] };
}
