import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { catalog, znodes } from '@flashmesh/contracts';
import { FlashmeshError, sleep } from '@flashmesh/core';
import { type WatchEvent, ZooKeeper } from '@flashmesh/zookeeper';
import { checkSale } from './domain/check-sale.ts';
import type { Step } from './testing/frozen-opener.ts';
import { openCatalog, type Place } from './testing/shop-catalog.ts';

const root = join(import.meta.dirname, '../../..');
const runTypeScript = ['--import', join(root, 'test/support/run-typescript.mjs')];
const suffix = randomUUID().slice(0, 8);
const { PREPARING, OPEN, CLOSED } = catalog.SaleState;
const UNITS = 100;
const RIVAL_UNITS = 7;
const POLL_MS = 50;
/** What a call is answered that says that it did something; all else is the code of an error. */
const ANSWER = /^SALE_STATE_/;

/**
 * An opener is frozen with SIGSTOP right before it sends one of its writes, until its session is over and somebody else has had
 * the sale's lock. When it wakes, the write is sent behind all that it could check by itself; whoever applies it must refuse it.
 * Real processes, real Kafka, ZooKeeper and Redis, and the real service that owns the stock.
 */
describe('an opener that is frozen past its session', () => {
  const place: Place = {
    zookeeper: `${env('ZOOKEEPER')}/frozen-opener-${suffix}`,
    brokers: env('KAFKA_BROKERS'),
    suffix,
  };
  const children: ChildProcess[] = [];
  /** Units that the test itself put in, by SKU. */
  const marks = new Map<string, number>();
  let shop: Awaited<ReturnType<typeof openCatalog>>;

  beforeAll(async () => {
    const zookeeper = await ZooKeeper.connect({ servers: place.zookeeper });
    await zookeeper.mkdirp('/');
    await zookeeper.close();
    start('apps/inventory/src/main.ts', [], {
      INSTANCE_ID: `inventory-${suffix}`,
      ZOOKEEPER: place.zookeeper,
      HEALTH_PORT: '0',
      GRPC_PORT: '0',
      LOG_LEVEL: 'warn',
    });
    shop = await openCatalog(place);
    const announced = '/flashmesh/services/inventory';
    await eventually(async () => (await shop.zookeeper.children(announced).catch(() => [])).length > 0);
  }, 120_000);

  afterAll(async () => {
    await Promise.all(
      children.map(async (child) => {
        if (child.exitCode !== null) return;
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        await exit;
      }),
    );
    await shop?.close();
  }, 30_000);

  // What the opener had done before it stopped stays done.
  it.each<[Step, { units: number; product: string | undefined }]>([
    ['product', { units: 0, product: undefined }],
    ['round', { units: 0, product: 'Phone' }],
    ['restock', { units: 0, product: 'Phone' }],
    ['open', { units: UNITS, product: 'Phone' }],
    ['door', { units: UNITS, product: 'Phone' }],
  ])(
    'changes nothing of a sale that was closed before it sends its "%s"',
    async (step, { units, product }) => {
      const id = `closed-${step}-${suffix}`;
      const opener = await frozenAt(step, id);
      expect((await shop.admin.close(id)).state).toBe(CLOSED);
      const rounds = await newRounds();
      const outcome = await opener.wake();
      expect(await seen(id)).toEqual({ state: CLOSED, stock: UNITS, product, door: 'closed', units });
      expect(await rounds.seen()).toEqual([]);
      expect(outcome).not.toMatch(ANSWER);
    },
    60_000,
  );

  it('changes nothing of a sale that another has opened before it sends its first record', async () => {
    const id = `rival-${suffix}`;
    const opener = await frozenAt('preparing', id);
    const rival = { ...saleOf(id), items: [{ ...itemOf(id), stock: RIVAL_UNITS }] };
    const products = [catalog.Product.create({ sku: skuOf(id), name: 'Rival' })];
    expect((await shop.admin.open(checkSale({ sale: rival, products }))).state).toBe(OPEN);
    const outcome = await opener.wake();
    expect(outcome).not.toMatch(ANSWER);
    expect(await seen(id)).toEqual({
      state: OPEN,
      stock: RIVAL_UNITS,
      product: 'Rival',
      door: 'open',
      units: RIVAL_UNITS,
    });
  }, 60_000);

  it('does not open a sale that another prepares', async () => {
    const id = `prepared-${suffix}`;
    const opener = await frozenAt('open', id);
    const rival = await frozenAt('restock', id);
    await opener.wake();
    expect(await seen(id)).toMatchObject({ state: PREPARING, door: undefined, units: UNITS });
    expect((await shop.admin.close(id)).state).toBe(CLOSED);
    expect(await rival.wake()).not.toMatch(ANSWER);
    expect(await seen(id)).toMatchObject({ state: CLOSED, door: 'closed' });
  }, 60_000);

  /** Sees every round that is begun from now on, however short it is. */
  async function newRounds() {
    const over = new AbortController();
    const made: string[] = [];
    const note = ({ type, path }: WatchEvent) => type === 'created' && made.push(path);
    await shop.zookeeper.watch(znodes.saleRounds, note, { recursive: true, until: over.signal });
    return {
      async seen(): Promise<string[]> {
        // What was told before the answer to this has arrived, too.
        const left = await shop.zookeeper.children(znodes.saleRounds).catch(() => []);
        over.abort();
        return [...made.filter((path) => path !== znodes.saleRounds), ...left];
      },
    };
  }

  /** Starts an opening in a process of its own, and freezes that where it is about to send its write. */
  async function frozenAt(step: Step, id: string) {
    const sale = JSON.stringify(saleOf(id));
    const product = JSON.stringify({ sku: skuOf(id), name: 'Phone' });
    const args = [JSON.stringify(place), step, sale, product];
    const child = start('apps/catalog/src/testing/frozen-opener.ts', args, {});
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => String((await lines.next()).value);
    expect(await next()).toBe('frozen');
    child.kill('SIGSTOP');
    // Told while it is frozen, so that the write is the first thing that it does when it wakes.
    child.stdin.write('\n');
    return {
      /** Lets it go on; answers what became of its call, when all that it sent has arrived. */
      wake(): Promise<string> {
        child.kill('SIGCONT');
        return next();
      },
    };
  }

  /** Runs a program of this repository from its sources, with the environment of this run. */
  function start(file: string, args: readonly string[], own: Readonly<Record<string, string>>) {
    const child = spawn(process.execPath, ['--no-warnings', ...runTypeScript, join(root, file), ...args], {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: '', ...own },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (args.length === 0) child.stdout.resume();
    children.push(child);
    return child;
  }

  /** What readers of the whole log, watchers of the door and buyers see of a sale and its SKU. */
  async function seen(id: string) {
    const view = await shop.replay();
    expect(shop.view.sale(id)).toEqual(view.sale(id));
    const { state, items } = view.sale(id) ?? {};
    const path = `${znodes.doors}/${id}`;
    const door = (await shop.zookeeper.exists(path)) && (await shop.zookeeper.get(path)).data.toString();
    return {
      state,
      stock: items?.[0]?.stock,
      product: view.product(skuOf(id))?.name,
      door,
      units: await unitsOf(skuOf(id)),
    };
  }

  /** Units that ever arrived, when every command sent before was applied: one unit more is sent after them, and not counted. */
  async function unitsOf(sku: string): Promise<number> {
    const before = await initialOf(sku);
    await shop.inventory.restock({ restockId: `mark-${randomUUID()}`, sku, quantity: 1 });
    marks.set(sku, (marks.get(sku) ?? 0) + 1);
    await eventually(async () => (await initialOf(sku)) > before);
    return (await initialOf(sku)) - (marks.get(sku) ?? 0);
  }

  async function initialOf(sku: string): Promise<number> {
    for (;;) {
      try {
        return (await shop.inventory.getStock({ sku })).stock?.initial ?? 0;
      } catch (error) {
        if (!(error instanceof FlashmeshError)) throw error;
        if (error.kind === 'not_found') return 0;
        if (error.kind !== 'unavailable') throw error;
        await sleep(POLL_MS);
      }
    }
  }
});

function skuOf(saleId: string): string {
  return `phone-${saleId}`;
}

function itemOf(saleId: string): catalog.SaleItem {
  return { sku: skuOf(saleId), unitPrice: 1999, limitPerBuyer: 2, stock: UNITS };
}

function saleOf(id: string): catalog.Sale {
  return catalog.Sale.create({
    id,
    name: 'Sale',
    opensAt: new Date(Date.UTC(2026, 0, 1)),
    closesAt: new Date(Date.UTC(2099, 0, 1)),
    currency: 'EUR',
    reservationTtlSeconds: 60,
    items: [itemOf(id)],
  });
}

/** Resolves as soon as `condition` holds; the test's own time is the limit. */
async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(POLL_MS);
}

/** A test that writes to a server only ever uses the one it was given. */
function env(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set`);
  return value;
}
