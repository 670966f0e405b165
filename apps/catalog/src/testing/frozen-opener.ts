/**
 * A process of its own that opens a sale and stops right before it sends one of its writes, to be frozen there: `node frozen-opener.ts
 * PLACE STEP SALE PRODUCT` (JSON, except the step). Says `frozen`; goes on when it is told a line, and says what became of the call.
 *
 * It stops within the call that sends, behind every check that the opener makes by itself, and nothing else of its code runs before the
 * write is sent.
 */
import { readSync, writeSync } from 'node:fs';
import { catalog, znodes } from '@flashmesh/contracts';
import { FlashmeshError, sleep } from '@flashmesh/core';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { checkSale } from '../domain/check-sale.ts';
import { openCatalog, type Place } from './shop-catalog.ts';

/** The writes of an opening in their order. */
export type Step = 'preparing' | 'product' | 'round' | 'restock' | 'open' | 'door';

const [place = '', step = '', sale = '', product = ''] = process.argv.slice(2);

const LOOK_MS = 10;
const PATIENCE_MS = 20_000;
let stopped = false;

/** Stops the whole process until a line comes; the parent freezes it meanwhile. */
function stop(): void {
  stopped = true;
  writeSync(1, 'frozen\n');
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  while (!hasInput()) Atomics.wait(nothing, 0, 0, LOOK_MS);
}

function hasInput(): boolean {
  try {
    return readSync(0, Buffer.alloc(1)) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    return false;
  }
}

/** The object, stopping in each method before it is called with what belongs to the step, and once more until `ready` resolves. */
function stopAt<T extends object>(
  real: T,
  stepOf: (method: string, args: readonly unknown[]) => Step | undefined,
  ready?: () => Promise<void>,
): T {
  return new Proxy(real, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        const call = () => Reflect.apply(value, target, args) as unknown;
        if (stopped || stepOf(String(name), args) !== step) return call();
        stop();
        return ready ? ready().then(call) : call();
      };
    },
  });
}

/**
 * The worst that a client of ZooKeeper can do with a write that it was handed: keep it until it has another session. On the connection
 * of the session that is over, no server would take it.
 */
async function inNewSession(zookeeper: ZooKeeper): Promise<void> {
  const { sessionId } = zookeeper;
  while (zookeeper.sessionId === sessionId) await sleep(LOOK_MS);
  await zookeeper.connected();
}

function stepOfRecord(id: string): Step | undefined {
  if (id.includes('/product@')) return 'product';
  if (id.includes('/preparing@')) return 'preparing';
  return id.includes('/open@') ? 'open' : undefined;
}

/** Writes only: what they are about is in their arguments, whether they come alone or in a transaction. */
function stepOfNode(method: string, args: readonly unknown[]): Step | undefined {
  if (!['set', 'create', 'transaction'].includes(method)) return undefined;
  const text = JSON.stringify(args);
  if (text.includes(`${znodes.doors}/`)) return 'door';
  return text.includes(`${znodes.saleRounds}/`) ? 'round' : undefined;
}

// Timers of the libraries do not keep a process alive by themselves; the opening shall. Ended by the exit below.
setInterval(() => undefined, 60_000);
const sending: Promise<unknown>[] = [];
const shop = await openCatalog(JSON.parse(place) as Place, {
  producer: (real) =>
    stopAt(real, (_, [, event]) => stepOfRecord((event as { id?: string } | undefined)?.id ?? '')),
  zookeeper: (real) => stopAt(real, stepOfNode, () => inNewSession(real)),
  inventory: (real) => ({
    ...real,
    restock: (request) => {
      if (step === 'restock' && !stopped) stop();
      // Without the caller's signal: what was sent cannot be called back.
      const sent = real.restock(request, { deadlineMs: PATIENCE_MS });
      sending.push(sent);
      return sent;
    },
  }),
});
const wanted = checkSale({
  sale: catalog.Sale.fromPartial(reviveDates(JSON.parse(sale))),
  products: [catalog.Product.fromPartial(JSON.parse(product))],
});
let outcome = await openSale();
// On a starved machine it may lose the lock by itself, before it came to the step.
for (; mayGoOn(outcome); outcome = await openSale());
await Promise.allSettled(sending);
await shop.close();
writeSync(1, `${outcome}\n`);
process.exit(0);

async function openSale(): Promise<string> {
  try {
    return (await shop.admin.open(wanted)).state;
  } catch (error) {
    return error instanceof FlashmeshError ? error.code : String(error);
  }
}

function mayGoOn(code: string): boolean {
  return !stopped && ['NOT_HELD', 'SALE_NOT_READY', 'ZK_CONNECTION_LOSS'].includes(code);
}

function reviveDates(value: { opensAt: string; closesAt: string }): object {
  return { ...value, opensAt: new Date(value.opensAt), closesAt: new Date(value.closesAt) };
}
