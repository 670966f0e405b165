import { randomUUID } from 'node:crypto';
import { inventory, znodes } from '@flashmesh/contracts';
import { sleep, systemClock, unavailable } from '@flashmesh/core';
import { DoubleBarrier } from '@flashmesh/coordination';
import { createLogger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import type { StockSight } from './domain/admission.ts';
import type { InventoryEnv } from './env.ts';
import { SaleArming } from './sale-arming.ts';
import type { StockStore } from './store/stock-store.ts';
import type { StockView } from './store/stock-view.ts';

const OPENER = '@opener';
const seed = { sku: 'phone', restockId: 'spring/phone', quantity: 5 };

/** The stock as one instance sees it. */
class FakeStock {
  restocked = false;
  rebuilding = false;
  initial: number | undefined;
  looks = 0;

  async hasRestock(sku: string, restockId: string): Promise<boolean> {
    this.looks++;
    if (this.rebuilding) throw unavailable('REBUILDING', 'later');
    return this.restocked && sku === seed.sku && restockId === seed.restockId;
  }

  async look(): Promise<StockSight | undefined> {
    this.looks++;
    if (this.initial === undefined) return undefined;
    const { initial } = this;
    return { balance: { initial, available: initial, reserved: 0, sold: 0 }, waitMs: 0 };
  }
}

describe('SaleArming, on a real ZooKeeper', () => {
  const logger = createLogger({ service: 'test', instance: 'test', level: 'fatal' });
  const sessions: ZooKeeper[] = [];
  let zookeeper: ZooKeeper;
  let servers: string;

  beforeEach(async () => {
    // A world of its own: instances of a running shop would take part.
    servers = `${env('ZOOKEEPER')}/sale-arming-${randomUUID()}`;
    zookeeper = await connect();
    await zookeeper.mkdirp(znodes.saleRounds);
  });

  afterEach(() => Promise.all(sessions.splice(0).map((session) => session.close())));

  it('enters when it sees the stock in its own view, and leaves with the opener', async () => {
    const stock = new FakeStock();
    await startInstance('inventory-1', stock);
    const path = await begin('spring@1');
    await looked(stock);
    stock.restocked = true;
    await looked(stock);
    stock.initial = seed.quantity - 1;
    await looked(stock);
    expect(await zookeeper.children(path)).toEqual([]);
    stock.initial = seed.quantity;
    await eventually(async () => (await zookeeper.children(path)).includes('inventory-1'));
    const barrier = new DoubleBarrier(zookeeper, path, OPENER, [OPENER, 'inventory-1']);
    await barrier.enter();
    await barrier.leave();
    expect(await zookeeper.children(path)).toEqual([]);
  });

  it('waits while its stock is being rebuilt', async () => {
    const stock = Object.assign(new FakeStock(), { restocked: true, initial: 9, rebuilding: true });
    await startInstance('inventory-1', stock);
    const path = await begin('spring@1');
    await looked(stock);
    expect(await zookeeper.children(path)).toEqual([]);
    stock.rebuilding = false;
    await eventually(async () => (await zookeeper.children(path)).length === 1);
  });

  it('looks no longer for a round that is gone, and leaves nothing of it behind', async () => {
    const [blind, armed] = [new FakeStock(), Object.assign(new FakeStock(), { restocked: true, initial: 5 })];
    await startInstance('inventory-1', blind);
    await startInstance('inventory-2', armed);
    const path = await begin('spring@1');
    await eventually(async () => (await zookeeper.children(path)).length === 1);
    await looked(blind);
    await zookeeper.delete(`${path}/inventory-2`);
    await zookeeper.delete(path);
    await eventually(async () => {
      const { looks } = blind;
      await sleep(100);
      return blind.looks === looks;
    });
    expect(await zookeeper.children(znodes.saleRounds)).toEqual([]);
  });

  it('is in the group as long as it runs; when it stops it first leaves the barriers', async () => {
    const armed = Object.assign(new FakeStock(), { restocked: true, initial: 5 });
    const instance = await startInstance('inventory-1', armed);
    expect(await zookeeper.children(znodes.inventoryMembers)).toEqual(['inventory-1']);
    const path = await begin('spring@1');
    await eventually(async () => (await zookeeper.children(path)).length === 1);
    await instance.beforeApplicationShutdown();
    expect(await zookeeper.children(path)).toEqual([]);
    expect(await zookeeper.children(znodes.inventoryMembers)).toEqual([]);
  });

  async function connect(): Promise<ZooKeeper> {
    const session = await ZooKeeper.connect({ servers, logger });
    sessions.push(session);
    return session;
  }

  async function startInstance(id: string, stock: FakeStock): Promise<SaleArming> {
    const store = stock as unknown as StockStore;
    const view = stock as unknown as StockView;
    const settings = { INSTANCE_ID: id } as InventoryEnv;
    const instance = new SaleArming(await connect(), store, view, settings, systemClock, logger);
    await instance.onApplicationBootstrap();
    return instance;
  }

  /** What an opener does. */
  async function begin(name: string): Promise<string> {
    const path = `${znodes.saleRounds}/${name}`;
    await zookeeper.create(path, inventory.SaleRound.encode({ seeds: [seed] }).finish());
    return path;
  }

  /** Resolves when the instance has looked with what it sees now. */
  async function looked(stock: FakeStock): Promise<void> {
    const { looks } = stock;
    await eventually(async () => stock.looks > looks + 2);
  }
});

/** Resolves as soon as `condition` holds; the test's own time is the limit. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

/** A test that writes to a server only ever uses the one it was given. */
function env(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set`);
  return value;
}
