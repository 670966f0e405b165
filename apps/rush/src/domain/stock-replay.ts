import type { coordination, inventory } from '@flashmesh/contracts';
import { assertNever } from '@flashmesh/core';
import type { LogRecord } from './log-record.ts';
import type { Violations } from './violations.ts';

/** The units of one SKU. */
export interface Balance {
  initial: number;
  available: number;
  reserved: number;
  sold: number;
}

/** An event that must be in `inventory.events`, by its id. */
export interface ExpectedEvent {
  readonly kind: NonNullable<inventory.InventoryEvent['event']>['$case'];
  readonly sku: string;
  readonly quantity: number;
}

interface Held {
  readonly sku: string;
  readonly quantity: number;
  readonly holder: string;
  readonly expiresAt: number;
  state: 'reserved' | 'sold' | 'released' | 'expired' | 'rejected';
}

/** The tokens of one sale that came by: those of the ensemble that leads, and who led before. */
interface Holders {
  ensemble: string;
  latest: bigint;
  readonly past: Set<string>;
}

/**
 * What the stock of one partition must have gone through, worked out from its commands alone. Written apart from the
 * service that is being checked: the two agree only when both are right.
 */
export class StockReplay {
  readonly balances = new Map<string, Balance>();
  /** Units put in by restocks, apart from the balances. */
  readonly restocked = new Map<string, number>();
  readonly expected = new Map<string, ExpectedEvent>();
  private readonly restocks = new Set<string>();
  private readonly orders = new Map<string, Held>();
  private readonly holdings = new Map<string, number>();
  private readonly holders = new Map<string, Holders>();
  private readonly violations: Violations;

  constructor(violations: Violations) {
    this.violations = violations;
  }

  /** Applies the next command of the partition. A record that is no valid command changes nothing, as in the service. */
  apply({ data, time, offset, partition }: LogRecord<inventory.InventoryCommand>): void {
    const { sku, command } = data;
    if (!command || sku === '') return;
    switch (command.$case) {
      case 'restock':
        this.restock(sku, command.value);
        break;
      case 'fence':
        this.follows(command.value);
        break;
      case 'reserve':
        this.reserve(sku, command.value, time);
        break;
      case 'commit':
        this.commit(sku, command.value.orderId);
        break;
      case 'release':
        this.giveBack(command.value.orderId, 'released');
        break;
      case 'expire':
        this.expire(command.value.orderId, time);
        break;
      default:
        assertNever(command, 'command');
    }
    const balance = this.balances.get(sku);
    if (balance) this.check(sku, balance, `${partition}@${offset}`);
  }

  /** Whether no later holder of the sale's lock was seen before in this partition. Units for no sale need no lock. */
  private follows({ saleId, token }: { saleId: string; token?: coordination.FencingToken }): boolean {
    if (saleId === '') return true;
    const seen = this.holders.get(saleId);
    if (!token) return !seen;
    if (!/^[0-9a-f]{16}$/.test(token.czxid)) return false;
    const at = BigInt(`0x${token.czxid}`);
    if (!seen) {
      this.holders.set(saleId, { ensemble: token.ensemble, latest: at, past: new Set() });
    } else if (seen.ensemble !== token.ensemble) {
      // Set up anew, it counts from the beginning; whoever led before never leads again.
      if (seen.past.has(token.ensemble)) return false;
      seen.past.add(seen.ensemble);
      Object.assign(seen, { ensemble: token.ensemble, latest: at });
    } else if (at < seen.latest) return false;
    else seen.latest = at;
    return true;
  }

  private restock(sku: string, restock: inventory.Restock): void {
    const { restockId, quantity } = restock;
    if (restockId === '' || quantity < 1 || !this.follows(restock) || this.restocks.has(restockId)) return;
    this.restocks.add(restockId);
    const balance = this.balances.get(sku) ?? { initial: 0, available: 0, reserved: 0, sold: 0 };
    balance.initial += quantity;
    balance.available += quantity;
    this.balances.set(sku, balance);
    this.restocked.set(sku, (this.restocked.get(sku) ?? 0) + quantity);
  }

  private reserve(sku: string, reserve: inventory.Reserve, time: number): void {
    const { orderId, saleId, buyerId, quantity, limitPerBuyer, ttlSeconds } = reserve;
    if (orderId === '' || quantity < 1 || limitPerBuyer < 1 || ttlSeconds < 1 || this.orders.has(orderId)) {
      return;
    }
    const holder = JSON.stringify([saleId, sku, buyerId]);
    const held = this.holdings.get(holder) ?? 0;
    const balance = this.balances.get(sku);
    const granted =
      balance !== undefined && balance.available >= quantity && held + quantity <= limitPerBuyer;
    this.orders.set(orderId, {
      sku,
      quantity,
      holder,
      expiresAt: time + ttlSeconds * 1000,
      state: granted ? 'reserved' : 'rejected',
    });
    if (granted) {
      balance.available -= quantity;
      balance.reserved += quantity;
      this.holdings.set(holder, held + quantity);
    }
    this.expect(orderId, granted ? 'reserved' : 'rejected', { sku, quantity });
  }

  private commit(sku: string, orderId: string): void {
    const order = this.orders.get(orderId);
    if (order?.state === 'reserved') {
      const balance = this.balanceOf(order);
      balance.reserved -= order.quantity;
      balance.sold += order.quantity;
      order.state = 'sold';
    }
    if (order?.state === 'sold') this.expect(orderId, 'committed', order);
    else this.expect(orderId, 'commitRefused', order ?? { sku, quantity: 0 });
  }

  private expire(orderId: string, time: number): void {
    const order = this.orders.get(orderId);
    if (order && time >= order.expiresAt) this.giveBack(orderId, 'expired');
  }

  private giveBack(orderId: string, to: 'released' | 'expired'): void {
    const order = this.orders.get(orderId);
    if (order?.state !== 'reserved') return;
    const balance = this.balanceOf(order);
    balance.reserved -= order.quantity;
    balance.available += order.quantity;
    this.holdings.set(order.holder, (this.holdings.get(order.holder) ?? 0) - order.quantity);
    order.state = to;
    this.expect(orderId, to, order);
  }

  private balanceOf(order: Held): Balance {
    const balance = this.balances.get(order.sku);
    if (!balance) throw new Error(`an order holds units of ${order.sku}, which has none`);
    return balance;
  }

  private expect(
    orderId: string,
    kind: ExpectedEvent['kind'],
    units: { sku: string; quantity: number },
  ): void {
    const id = `${orderId}/${kind === 'commitRefused' ? 'commit-refused' : kind}`;
    if (!this.expected.has(id)) this.expected.set(id, { kind, sku: units.sku, quantity: units.quantity });
  }

  private check(sku: string, { initial, available, reserved, sold }: Balance, where: string): void {
    if (available < 0 || reserved < 0 || sold < 0 || initial !== available + reserved + sold) {
      this.violations.add(
        `${sku} after ${where}: ${initial} initial, ${available} available, ${reserved} reserved, ${sold} sold`,
      );
    }
  }
}
