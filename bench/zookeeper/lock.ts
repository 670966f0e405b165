/**
 * `node lock.ts SERVERS PATH CONTENDERS WARM_UP_MS MEASURE_MS AFTER_MS`: contenders, each with a client of its own, take one lock in
 * turn for a while; the same as `LockHandOver.java` does with Curator. One JSON object, a {@link HandOvers}, on standard output.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Lock } from '../../libs/coordination/src/index.ts';
import { ZooKeeper } from '../../libs/zookeeper/src/index.ts';

export interface HandOvers {
  /** How often the lock came to another contender than the one that had it before. */
  readonly handOvers: number;
  readonly seconds: number;
  /** User and system time of the whole process. */
  readonly cpuUs: number;
  readonly rssBytes: number;
}

const [servers = '', path = '', ...numbers] = process.argv.slice(2);
const [contenders = 0, warmUpMs = 0, measureMs = 0, afterMs = 0] = numbers.map(Number);
let over = false;
let handOvers = 0;
/** Of those in this process. */
let last: { readonly id: number; readonly place: number } | undefined;

async function contend(id: number): Promise<void> {
  const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: 30_000 });
  const lock = new Lock(zk, path);
  try {
    while (!over) {
      const held = await lock.acquire();
      // Places in line are numbered and served in order: only with the place after its last one it had no other before it.
      const place = Number(held.path.slice(-10));
      if (last?.id !== id || last.place + 1 !== place) handOvers++;
      last = { id, place };
      await held.release();
    }
  } finally {
    await zk.close();
  }
}

async function count(): Promise<HandOvers> {
  await sleep(warmUpMs);
  const before = handOvers;
  const cpu = process.cpuUsage();
  const from = performance.now();
  await sleep(measureMs);
  const { user, system } = process.cpuUsage(cpu);
  const counted = {
    handOvers: handOvers - before,
    seconds: (performance.now() - from) / 1000,
    cpuUs: user + system,
  };
  await sleep(afterMs);
  over = true;
  return { ...counted, rssBytes: process.memoryUsage().rss };
}

const [result] = await Promise.all([count(), ...Array.from({ length: contenders }, (_, id) => contend(id))]);
process.stdout.write(`${JSON.stringify(result)}\n`);
