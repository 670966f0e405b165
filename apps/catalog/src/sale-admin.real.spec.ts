import { randomUUID } from 'node:crypto';
import { catalog, type inventory, topics } from '@flashmesh/contracts';
import { FlashmeshError, sleep, systemClock } from '@flashmesh/core';
import { EventProducer, KafkaConnection, readLog } from '@flashmesh/messaging';
import type { MeshClient } from '@flashmesh/rpc';
import { createLogger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { checkSale } from './domain/check-sale.ts';
import type { CatalogEnv } from './env.ts';
import { SaleAdmin } from './sale-admin.ts';
import { SaleDoors } from './sale-doors.ts';
import { CatalogLog } from './store/catalog-log.ts';
import { CatalogView } from './store/catalog-view.ts';

const suffix = randomUUID().slice(0, 8);
const products = { ...topics.products, name: `catalog.products.${suffix}` };
const sales = { ...topics.sales, name: `catalog.sales.${suffix}` };
const { OPEN, CLOSED } = catalog.SaleState;

class TestLog extends CatalogLog {
  protected override readonly products = products;
  protected override readonly sales = sales;
}

/** Inventory as the catalog sees it: stock arrives a little later, once per restock id. */
class FakeInventory {
  readonly initial = new Map<string, number>();
  readonly restocks: string[] = [];
  arrives = true;

  async restock({ restockId, sku, quantity }: inventory.RestockRequest): Promise<inventory.RestockResponse> {
    const first = !this.restocks.includes(restockId);
    this.restocks.push(restockId);
    if (first && this.arrives) {
      setTimeout(() => this.initial.set(sku, (this.initial.get(sku) ?? 0) + quantity), 120);
    }
    return {};
  }

  async getStock({ sku }: inventory.GetStockRequest): Promise<inventory.GetStockResponse> {
    const initial = this.initial.get(sku);
    if (initial === undefined) throw new FlashmeshError('not_found', 'UNKNOWN_SKU', 'no stock');
    return { stock: { sku, initial, available: initial, reserved: 0, sold: 0 } };
  }
}

describe('SaleAdmin, on real Kafka and ZooKeeper', () => {
  const logger = createLogger({ service: 'test', instance: 'test', level: 'fatal' });
  const connections: KafkaConnection[] = [];
  const kafka = connect();
  const producer = new EventProducer(kafka, { source: '/test' });
  const stock = new FakeInventory();
  const ended = new AbortController();
  const tails: Promise<void>[] = [];
  let zookeeper: ZooKeeper;

  beforeAll(async () => {
    zookeeper = await ZooKeeper.connect({ servers: env('ZOOKEEPER'), logger });
    await kafka.ensureTopics([products, sales].map(({ name, config }) => ({ name, partitions: 2, config })));
  }, 60_000);

  afterAll(async () => {
    ended.abort();
    await Promise.all(tails);
    await producer.close();
    await Promise.all(connections.map((connection) => connection.close()));
    await zookeeper.close();
  });

  it('opens a sale once, however often and wherever it is asked to', async () => {
    const [one, two] = [newInstance(), newInstance()];
    const request = saleOf(`s1-${suffix}`);
    const [a, b] = await Promise.all([one.admin.open(request), two.admin.open(request)]);
    expect([a.state, b]).toEqual([OPEN, a]);
    expect(await one.admin.open(request)).toEqual(a);
    expect(stock.initial.get(`phone-${suffix}`)).toBe(100);
    expect(await door(a.id)).toBe('open');
    expect(one.view.product(`phone-${suffix}`)?.name).toBe('Phone');
    expect(await recordIds(a.id)).toEqual([`${a.id}/preparing`, `${a.id}/open`]);
  }, 30_000);

  it('refuses another sale under the same id, and a closed one', async () => {
    const { admin } = newInstance();
    const id = `s1-${suffix}`;
    await expect(admin.open(saleOf(id, { stock: 7 }))).rejects.toMatchObject({
      kind: 'failed_precondition',
      code: 'SALE_EXISTS',
    });
    expect((await admin.close(id)).state).toBe(CLOSED);
    expect((await admin.close(id)).state).toBe(CLOSED);
    expect(await door(id)).toBe('closed');
    await expect(admin.open(saleOf(id))).rejects.toMatchObject({ code: 'SALE_CLOSED' });
    await expect(admin.close(`none-${suffix}`)).rejects.toMatchObject({ code: 'UNKNOWN_SALE' });
    await expect(admin.close('../x')).rejects.toMatchObject({ code: 'UNKNOWN_SALE' });
  }, 30_000);

  it('keeps the doors shut until the stock is there, and goes on where it stopped', async () => {
    const id = `s2-${suffix}`;
    stock.arrives = false;
    const hasty = newInstance(700);
    await expect(hasty.admin.open(saleOf(id))).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'SALE_NOT_READY',
    });
    expect(await door(id)).toBeUndefined();
    await expect(hasty.admin.close(id)).rejects.toMatchObject({ code: 'SALE_NOT_OPEN' });
    // 100 units came with the first sale of this product: that alone is not this sale's seed.
    const patient = newInstance().admin.open(saleOf(id));
    setTimeout(() => stock.initial.set(`phone-${suffix}`, 200), 300);
    expect((await patient).state).toBe(OPEN);
  }, 30_000);

  function connect(): KafkaConnection {
    const brokers = env('KAFKA_BROKERS').split(',');
    const connection = new KafkaConnection({ brokers, clientId: `catalog-${suffix}`, logger });
    connections.push(connection);
    return connection;
  }

  function newInstance(timeoutMs = 15_000) {
    const view = new CatalogView();
    const log = new TestLog(connect(), producer, view);
    tails.push(follow(log));
    const client = stock as unknown as MeshClient<inventory.InventoryServiceDefinition>;
    const settings = { OPEN_SALE_TIMEOUT_MS: timeoutMs } as CatalogEnv;
    const doors = new SaleDoors(zookeeper);
    const admin = new SaleAdmin(zookeeper, log, view, doors, client, settings, systemClock, logger);
    return { admin, view };
  }

  /** Does what the broadcast handlers do in the service. */
  async function follow(log: CatalogLog): Promise<void> {
    while (!ended.signal.aborted) {
      await log.catchUp();
      await sleep(100);
    }
  }

  async function door(id: string): Promise<string | undefined> {
    if (!(await zookeeper.exists(`/flashmesh/sales/${id}`))) return undefined;
    return (await zookeeper.get(`/flashmesh/sales/${id}`)).data.toString();
  }

  async function recordIds(saleId: string): Promise<string[]> {
    const ids: string[] = [];
    await readLog(kafka, sales, {}, (batch) => {
      for (const { key, id } of batch) if (key === saleId) ids.push(id);
    });
    return ids;
  }
});

function saleOf(id: string, item: Partial<catalog.SaleItem> = {}) {
  const sku = `phone-${suffix}`;
  return checkSale({
    sale: catalog.Sale.create({
      id,
      name: 'Sale',
      opensAt: new Date(Date.UTC(2026, 0, 1)),
      closesAt: new Date(Date.UTC(2099, 0, 1)),
      currency: 'EUR',
      reservationTtlSeconds: 60,
      items: [{ sku, unitPrice: 1999, limitPerBuyer: 2, stock: 100, ...item }],
    }),
    products: [{ sku, name: 'Phone' }],
  });
}

/** A test that writes to a server only ever uses the one it was given. */
function env(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set`);
  return value;
}
