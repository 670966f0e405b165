/** One client in a process of its own: `node measure.ts CLIENT SERVERS`; one JSON object on stdout. */
import { randomUUID } from 'node:crypto';
import { type BenchClient, makers } from './client.ts';

const [name = '', servers = ''] = process.argv.slice(2);
const base = `/bench-${randomUUID()}`;
const kib = Buffer.alloc(1024, 7);

async function main(): Promise<void> {
  const client = await (makers[name] as (servers: string) => Promise<BenchClient>)(servers);
  await client.create(base, kib);
  // Compiled before it counts.
  await inFlight(64, 20_000, () => client.get(base));
  const result = {
    sequentialGet: await rate(3000, (count) => inFlight(1, count, () => client.get(base))),
    get64: await rate(60_000, (count) => inFlight(64, count, () => client.get(base))),
    createDelete: await rate(3000, async (count) => {
      let next = 0;
      await inFlight(16, count / 2, async () => {
        const path = `${base}/n${next++}`;
        await client.create(path, kib);
        await client.remove(path);
      });
    }),
    watches: await rate(10_000, (count) => watches(client, count)),
    rssMb: Math.round(process.memoryUsage().rss / 1e6),
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  await client.close();
  process.exit(0);
}

/** Operations a second, and CPU time of this process for each in microseconds. */
async function rate(
  count: number,
  run: (count: number) => Promise<void>,
): Promise<{ perSecond: number; cpu: number }> {
  const cpu = process.cpuUsage();
  const from = performance.now();
  await run(count);
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: Math.round(count / seconds), cpu: Math.round(((user + system) / count) * 10) / 10 };
}

async function inFlight(width: number, count: number, run: () => Promise<unknown>): Promise<void> {
  let left = count;
  const lane = async () => {
    while (left-- > 0) await run();
  };
  await Promise.all(Array.from({ length: width }, lane));
}

/** So many watches on as many nodes are armed and fired by another change each. */
async function watches(client: BenchClient, count: number): Promise<void> {
  const paths = Array.from({ length: count }, (_, i) => `${base}/w${i}`);
  let at = 0;
  await inFlight(64, count, () => client.create(paths[at++] as string, Buffer.alloc(0)));
  let fired = 0;
  const all = Promise.withResolvers<void>();
  at = 0;
  await inFlight(64, count, () =>
    client.watch(paths[at++] as string, () => {
      if (++fired === count) all.resolve();
    }),
  );
  at = 0;
  await inFlight(64, count, () => client.set(paths[at++] as string, kib));
  await all.promise;
  at = 0;
  await inFlight(64, count, () => client.remove(paths[at++] as string));
}

await main();
