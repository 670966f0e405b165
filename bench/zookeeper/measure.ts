/**
 * One client in a process of its own: `node measure.ts CLIENT SERVERS SCALE`; the counts below are multiplied by SCALE. One JSON
 * object, a {@link Measured}, on the last line of standard output.
 */
import { randomUUID } from 'node:crypto';
import { type BenchClient, connect } from './clients.ts';

/** What a run of one workload came to. */
export interface Rate {
  readonly perSecond: number;
  /** User and system time of the whole process, microseconds for each operation. */
  readonly cpuUs: number;
}

export interface Measured {
  readonly sequentialGet: Rate;
  readonly parallelGet: Rate;
  readonly createDelete: Rate;
  readonly watches: Rate;
  readonly rssBytes: number;
}

const SESSION_TIMEOUT_MS = 30_000;
const IN_FLIGHT = 64;
const KIB = Buffer.alloc(1024, 7);
const COUNTS = {
  warmUp: 30_000,
  sequentialGet: 10_000,
  parallelGet: 100_000,
  createDelete: 60_000,
  watches: 10_000,
};

const [name = '', servers = '', scale = '1'] = process.argv.slice(2);
const base = `/bench-${randomUUID()}`;
const scaled = (count: number) => Math.max(IN_FLIGHT, Math.round(count * Number(scale)));

async function main(): Promise<void> {
  const client = await connect(name, servers, SESSION_TIMEOUT_MS);
  await client.create(base, KIB);
  const get = () => client.get(base);
  // Compiled before it counts.
  await inFlight(IN_FLIGHT, scaled(COUNTS.warmUp), get);
  await createAndDelete(client, scaled(COUNTS.warmUp) / 10);
  const measured: Measured = {
    sequentialGet: await rate(scaled(COUNTS.sequentialGet), (count) => inFlight(1, count, get)),
    parallelGet: await rate(scaled(COUNTS.parallelGet), (count) => inFlight(IN_FLIGHT, count, get)),
    createDelete: await rate(scaled(COUNTS.createDelete), (count) => createAndDelete(client, count)),
    watches: await watches(client, scaled(COUNTS.watches)),
    rssBytes: process.memoryUsage().rss,
  };
  await client.remove(base);
  process.stdout.write(`${JSON.stringify(measured)}\n`);
  await client.close();
  process.exit(0);
}

async function rate(count: number, run: (count: number) => Promise<void>): Promise<Rate> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  await run(count);
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: count / seconds, cpuUs: (user + system) / count };
}

async function inFlight(
  width: number,
  count: number,
  run: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** A create, and when that is answered a delete, is two operations. */
function createAndDelete(client: BenchClient, operations: number): Promise<void> {
  return inFlight(IN_FLIGHT, operations / 2, async (index) => {
    const path = `${base}/n${index}`;
    await client.create(path, KIB);
    await client.remove(path);
  });
}

/** A watch on each of so many nodes is armed by a get and fired by a set: what these and the event take, for each watch. */
async function watches(client: BenchClient, count: number): Promise<Rate> {
  const pathOf = (index: number) => `${base}/w${index}`;
  await inFlight(IN_FLIGHT, count, (index) => client.create(pathOf(index), KIB));
  const result = await rate(count, async () => {
    const fired = new Set<number>();
    const all = Promise.withResolvers<void>();
    const onEvent = (index: number) => {
      if (fired.has(index)) all.reject(new Error(`the watch of ${pathOf(index)} fired twice`));
      if (fired.add(index).size === count) all.resolve();
    };
    await inFlight(IN_FLIGHT, count, (index) => client.watch(pathOf(index), () => onEvent(index)));
    await inFlight(IN_FLIGHT, count, (index) => client.set(pathOf(index), KIB));
    await all.promise;
  });
  await inFlight(IN_FLIGHT, count, (index) => client.remove(pathOf(index)));
  return result;
}

await main();
