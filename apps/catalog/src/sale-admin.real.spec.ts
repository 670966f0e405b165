import { randomUUID } from 'node:crypto';
import { catalog, inventory, topics, znodes } from '@flashmesh/contracts';
import { sleep, systemClock } from '@flashmesh/core';
import { DoubleBarrier, GroupMembership } from '@flashmesh/coordination';
import { EventProducer, KafkaConnection, readLog } from '@flashmesh/messaging';
import type { MeshClient } from '@flashmesh/rpc';
import { createLogger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { checkSale } from './domain/check-sale.ts';
import type { CatalogEnv } from './env.ts';
import { SaleAdmin } from './sale-admin.ts';
import { SaleDoors } from './sale-doors.ts';
import { SaleRounds } from './sale-rounds.ts';
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

/** Inventory as the catalog sees it: what it is sent, and one that the instances see only when it `arrives`. */
class FakeInventory {
  readonly restocks: inventory.RestockRequest[] = [];
  readonly fences: inventory.FenceSaleRequest[] = [];
  arrives = true;

  async restock(request: inventory.RestockRequest): Promise<inventory.RestockResponse> {
    this.restocks.push(request);
    return {};
  }

  async fenceSale(request: inventory.FenceSaleRequest): Promise<inventory.FenceSaleResponse> {
    this.fences.push(request);
    return {};
  }

  sees({ restockId, quantity }: inventory.Seed): boolean {
    return (
      this.arrives && this.restocks.some((each) => each.restockId === restockId && each.quantity === quantity)
    );
  }

  of(saleId: string): inventory.RestockRequest[] {
    return this.restocks.filter((each) => each.saleId === saleId);
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
  const sessions: ZooKeeper[] = [];
  let zookeeper: ZooKeeper;
  let instance: Awaited<ReturnType<typeof newMember>>;

  beforeAll(async () => {
    zookeeper = await connectZooKeeper();
    await zookeeper.mkdirp('/');
    await kafka.ensureTopics([products, sales].map(({ name, config }) => ({ name, partitions: 2, config })));
    instance = await newMember('inventory-1');
  }, 60_000);

  afterAll(async () => {
    ended.abort();
    await Promise.all(tails);
    await producer.close();
    await Promise.all(connections.map((connection) => connection.close()));
    await Promise.all(sessions.map((session) => session.close()));
  });

  it('opens a sale once, however often and wherever it is asked to', async () => {
    const [one, two] = [newInstance(), newInstance()];
    const request = saleOf(`s1-${suffix}`);
    const [a, b] = await Promise.all([one.admin.open(request), two.admin.open(request)]);
    expect([a.state, b]).toEqual([OPEN, a]);
    expect(await one.admin.open(request)).toEqual(a);
    const [seed, ...more] = stock.of(a.id);
    expect([seed, more]).toMatchObject([{ sku: `phone-${suffix}`, quantity: 100, saleId: a.id }, []]);
    expect(await door(a.id)).toBe('open');
    expect(one.view.product(`phone-${suffix}`)?.name).toBe('Phone');
    const czxid = seed?.token?.czxid;
    expect(await recordIds(a.id)).toEqual([`${a.id}/preparing@${czxid}`, `${a.id}/open@${czxid}`]);
    expect(await zookeeper.children(znodes.saleRounds)).toEqual([]);
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
    const hasty = newInstance(1000);
    await expect(hasty.admin.open(saleOf(id))).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'SALE_NOT_READY',
    });
    expect(await door(id)).toBeUndefined();
    expect(await zookeeper.children(znodes.saleRounds)).toEqual([]);
    const patient = newInstance().admin.open(saleOf(id));
    await eventually(() => stock.of(id).length === 2);
    stock.arrives = true;
    expect((await patient).state).toBe(OPEN);
    const [first, second] = stock.of(id);
    expect(second).toMatchObject({ restockId: first?.restockId, quantity: first?.quantity });
    expect(BigInt(`0x${second?.token?.czxid}`)).toBeGreaterThan(BigInt(`0x${first?.token?.czxid}`));
  }, 30_000);

  it('closes a sale that is still being prepared, and has inventory refuse what its opener still sends', async () => {
    const id = `s3-${suffix}`;
    stock.arrives = false;
    await expect(newInstance(1000).admin.open(saleOf(id))).rejects.toMatchObject({ code: 'SALE_NOT_READY' });
    stock.arrives = true;
    const { admin, view } = newInstance();
    expect((await admin.close(id)).state).toBe(CLOSED);
    expect(await door(id)).toBe('closed');
    const fence = stock.fences.find(({ saleId }) => saleId === id);
    expect(fence?.skus).toEqual([`phone-${suffix}`]);
    expect(fence?.token).toMatchObject({ czxid: view.saleFence(id)?.czxid });
    expect(view.productFence(`phone-${suffix}`, id)).toMatchObject(fence?.token ?? {});
    await expect(admin.open(saleOf(id))).rejects.toMatchObject({ code: 'SALE_CLOSED' });
  }, 30_000);

  it('waits for an instance that joins, not for one that dies, and for one at least', async () => {
    const [seen, unseen] = [(): boolean => true, (): boolean => false];
    const dying = await newMember('inventory-2', unseen);
    const opening = newInstance().admin.open(saleOf(`s4-${suffix}`));
    await eventually(async () => (await insiders()).length === 2);
    const joining = await newMember('inventory-3', unseen);
    await sleep(200);
    expect((await insiders()).sort()).toEqual(['@opener', 'inventory-1']);
    await dying.close();
    await sleep(200);
    expect((await insiders()).sort()).toEqual(['@opener', 'inventory-1']);
    joining.sees = seen;
    expect((await opening).state).toBe(OPEN);

    await Promise.all([joining, instance].map((each) => each.close()));
    await expect(newInstance(1000).admin.open(saleOf(`s5-${suffix}`))).rejects.toMatchObject({
      code: 'SALE_NOT_READY',
    });
    const patient = newInstance().admin.open(saleOf(`s5-${suffix}`));
    await eventually(async () => (await insiders()).length === 1);
    instance = await newMember('inventory-1');
    expect((await patient).state).toBe(OPEN);
    expect(await zookeeper.children(znodes.saleRounds)).toEqual([]);
  }, 60_000);

  async function connectZooKeeper(): Promise<ZooKeeper> {
    // A world of its own: what other instances there are on the same servers is not waited for.
    const servers = `${env('ZOOKEEPER')}/sale-admin-${suffix}`;
    const session = await ZooKeeper.connect({ servers, sessionTimeoutMs: 2000, logger });
    sessions.push(session);
    return session;
  }

  /** An instance of inventory, as far as openings know it. */
  async function newMember(id: string, sees = (seed: inventory.Seed) => stock.sees(seed)) {
    const session = await connectZooKeeper();
    const membership = new GroupMembership(session, znodes.inventoryMembers, id, '');
    await membership.start();
    const gone = new AbortController();
    const member = {
      sees,
      close: async () => {
        gone.abort();
        await session.close();
      },
    };
    const takePart = async (name: string) => {
      const path = `${znodes.saleRounds}/${name}`;
      const { seeds } = inventory.SaleRound.decode((await session.get(path)).data);
      while (!seeds.every((seed) => member.sees(seed))) await sleep(20, gone.signal);
      const barrier = new DoubleBarrier(session, path, id, Infinity, { mustExist: true });
      await barrier.enter({ signal: gone.signal });
      await barrier.leave({ signal: gone.signal });
    };
    const parts = new Set<string>();
    const run = async () => {
      while (!gone.signal.aborted && !ended.signal.aborted) {
        for (const name of await session.children(znodes.saleRounds).catch(() => [])) {
          if (parts.has(name)) continue;
          parts.add(name);
          // A round that is over, or a member that is gone: neither is what these tests are about.
          takePart(name).catch(() => undefined);
        }
        await sleep(20);
      }
    };
    tails.push(run());
    return member;
  }

  /** Who is in the barriers of openings under way. */
  async function insiders(): Promise<string[]> {
    const rounds = await zookeeper.children(znodes.saleRounds).catch(() => []);
    const names = await Promise.all(
      rounds.map((name) => zookeeper.children(`${znodes.saleRounds}/${name}`).catch(() => [])),
    );
    return names.flat();
  }

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
    const rounds = new SaleRounds(zookeeper, logger);
    const admin = new SaleAdmin(zookeeper, log, view, doors, rounds, client, settings, systemClock, logger);
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
    products: [catalog.Product.create({ sku, name: 'Phone' })],
  });
}

/** Resolves as soon as `condition` holds; the test's own time is the limit. */
async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(10);
}

/** A test that writes to a server only ever uses the one it was given. */
function env(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set`);
  return value;
}
