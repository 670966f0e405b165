/**
 * A process of its own that uses all recipes at once, to be frozen: `node recipe-user.ts SERVERS PATH SESSION_MS`. Tells each access
 * to what the locks protect as a line of JSON, carelessly: it never looks whether it still holds the lock. Told `end`, it lets go of
 * everything, waits until its copy of the tree holds the node `done`, tells its {@link Summary} and ends.
 */
import { createInterface } from 'node:readline';
import {
  AtomicCounter,
  type FencingToken,
  type Holding,
  Lock,
  Queue,
  ReadWriteLock,
} from '@flashmesh/coordination';
import { FlashmeshError } from '@flashmesh/core';
import {
  isZooKeeperError,
  joinPath,
  SubtreeCache,
  TransactionRefused,
  ZooKeeper,
} from '@flashmesh/zookeeper';
import { pause } from '../../support/eventually.ts';
import { markedLease, type Told } from './recipe-marks.ts';

const [servers = '', path = '', sessionMs = ''] = process.argv.slice(2);
const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: Number(sessionMs) });
const ending = new AbortController();
const { signal } = ending;
/** How long it keeps what it has: nearly always something is held when the process is frozen. */
const ACCESSES = 25;
const BETWEEN_MS = 20;

let interruptions = 0;
let sessionsLost = 0;
zk.onState(({ name }) => {
  if (name === 'suspended') interruptions++;
  if (name === 'lost') sessionsLost++;
});

const tell = (told: Told) => process.stdout.write(`${JSON.stringify(told)}\n`);
const plain = ({ ensemble, czxid }: FencingToken) => ({ ensemble, czxid: String(czxid) });

/** Does `step` again and again; a lost session may fail it, nothing else. */
async function repeat(step: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      await step();
    } catch (error) {
      const lost =
        (isZooKeeperError(error) && error.kind === 'unavailable') ||
        (error instanceof FlashmeshError && ['NOT_HELD', 'CANCELLED'].includes(error.code)) ||
        error instanceof TransactionRefused;
      if (!lost) throw error;
      await pause(BETWEEN_MS);
    }
  }
}

/** Uses what it holds for a while, and releases it. */
async function use(thing: 'lock' | 'rwlock', kind: 'read' | 'write', held: Holding): Promise<void> {
  for (let i = 0; i < ACCESSES && !signal.aborted; i++) {
    tell({ thing, kind, token: plain(held.token) });
    await pause(BETWEEN_MS);
  }
  await held.release();
}

let added = 0;
let unknown = 0;
const counter = new AtomicCounter(zk, joinPath(path, 'counter'));
const rwlock = new ReadWriteLock(zk, joinPath(path, 'rwlock'));
let turns = 0;
const workers = [
  repeat(async () => {
    await use('lock', 'write', await new Lock(zk, joinPath(path, 'lock')).acquire({ signal }));
  }),
  repeat(async () => {
    const kind = turns++ % 2 === 0 ? 'write' : 'read';
    await use('rwlock', kind, await rwlock[kind]({ signal }));
  }),
  repeat(() => markedLease(zk, path, signal, () => pause(300))),
  repeat(async () => {
    try {
      await counter.add(1n);
      added++;
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_CONNECTION_LOSS')) unknown++;
      throw error;
    }
    await pause(BETWEEN_MS);
  }),
  new Queue(zk, joinPath(path, 'queue')).consume(async (data) => {
    tell({ thing: 'queue', item: data.toString() });
    await pause(BETWEEN_MS);
  }, signal),
];

const wrong: string[] = [];
const newest = new Map<string, bigint>();
const cache = new SubtreeCache(zk, joinPath(path, 'tree'), {
  onChange: (nodes) => {
    for (const [at, { stat }] of nodes.entries()) {
      const before = newest.get(at) ?? 0n;
      if (stat.mzxid < before) wrong.push(`${at}: ${stat.mzxid} after ${before}`);
      newest.set(at, stat.mzxid);
    }
  },
});
await cache.start();

for await (const line of createInterface({ input: process.stdin })) if (line === 'end') break;
ending.abort();
await Promise.all(workers);
while (!cache.get(joinPath(path, 'tree/done'))) await pause(BETWEEN_MS);
const tree = Object.fromEntries(cache.entries().map(([at, { stat }]) => [at, String(stat.mzxid)]));
await cache.stop();
tell({ thing: 'summary', added, unknown, interruptions, sessionsLost, wrong, tree });
await zk.close();
