import { sleep } from '@flashmesh/core';
import type { CreateMode } from '../../op-codes.ts';
import { joinPath, parentOf } from '../../paths.ts';
import { SubtreeCache } from '../../subtree-cache.ts';
import { checkCommitted } from './cache-check.ts';
import { Ledger } from './ledger.ts';
import type { Prng } from './prng.ts';
import { dustSettled, holdsInTime, leaveNothing } from './settle.ts';
import { type SimulatedClient, Simulation } from './simulation.ts';
import { WatchLedger } from './watch-ledger.ts';

const ROOT = '/data';
const CLIENTS = 3;
/** For how long things break, milliseconds. */
const FAULTS_MS = 12_000;
const LIMIT_MS = 120_000;

/** Runs clients through one seed's faults; answers the run. @throws Error with the seed and the end of its history. */
export async function runClients(seed: number, prepare?: (sim: Simulation) => void): Promise<Simulation> {
  const sim = new Simulation({ seed });
  prepare?.(sim);
  await sim.run(work(sim), LIMIT_MS);
  return sim;
}

async function work(sim: Simulation): Promise<void> {
  const ledger = new Ledger(sim);
  const watches = new WatchLedger(sim);
  for (let i = 0; i < CLIENTS; i++) await sim.connect(`client${i}`);
  await sim.clients[0]?.zk.mkdirp(ROOT);
  const caches = sim.clients.map((client) => {
    const cache = new SubtreeCache(client.zk, ROOT, { onChange: checkCommitted(sim, ledger, client) });
    // It resolves when it is stopped, whatever happened.
    cache.start().catch(() => undefined);
    return cache;
  });
  const chaos = sim.chaos();
  const until = sim.clock.monotonic() + FAULTS_MS;
  await Promise.all(
    sim.clients.flatMap((client) =>
      [0, 1].map((loop) => new Load(sim, client, loop, ledger, watches).run(until)),
    ),
  );
  chaos.stop();
  await dustSettled(sim);
  await holdsInTime(
    sim,
    'every cache shows the tree',
    () => caches.every((cache) => shows(sim, cache)),
    sim.sessionTimeoutMs * 2 + 5000,
  );
  watches.checkNoneMissed();
  await watches.checkServers([`recursive ${ROOT}`]);
  ledger.balance();
  await Promise.all(caches.map((cache) => cache.stop()));
  await leaveNothing(sim);
}

function shows(sim: Simulation, cache: SubtreeCache): boolean {
  const expected = [...sim.ensemble.tree.entries()].filter(([path]) => `${path}/`.startsWith(`${ROOT}/`));
  return (
    cache.size === expected.length &&
    expected.every(([path, { czxid, mzxid }]) => {
      const stat = cache.get(path)?.stat;
      return stat?.czxid === czxid && stat.mzxid === mzxid;
    })
  );
}

/** One caller that does this and that, one after the other. */
class Load {
  private readonly sim: Simulation;
  private readonly client: SimulatedClient;
  private readonly ledger: Ledger;
  private readonly watches: WatchLedger;
  private readonly random: Prng;
  private readonly id: string;
  private count = 0;

  constructor(sim: Simulation, client: SimulatedClient, loop: number, ledger: Ledger, watches: WatchLedger) {
    this.sim = sim;
    this.client = client;
    this.ledger = ledger;
    this.watches = watches;
    this.random = sim.random.fork();
    this.id = `${client.name}.${loop}`;
  }

  async run(untilMs: number): Promise<void> {
    // What is done often stands here often.
    const steps: readonly (() => Promise<void>)[] = [
      () => this.create(),
      () => this.set(),
      () => this.set(),
      () => this.delete(),
      () => this.get(),
      () => this.get(),
      () => this.exists(),
      () => this.children(),
      () => this.transaction(),
      () => this.readAll(),
      () => this.sync(),
      () => this.abandoned(),
    ];
    while (this.sim.clock.monotonic() < untilMs) {
      await this.random.pick(steps)();
      await sleep(this.random.between(1, 80), undefined, this.client.process.clock);
    }
  }

  private path(): string {
    const parent = joinPath(ROOT, `k${this.random.below(4)}`);
    return this.random.chance(0.3) ? joinPath(parent, `c${this.random.below(2)}`) : parent;
  }

  private value(): string {
    return `${this.id}-${this.count++}`;
  }

  private async create(): Promise<void> {
    const path = this.path();
    const value = this.value();
    const mode = this.random.pick<CreateMode>([
      'persistent',
      'persistent',
      'ephemeral',
      'ephemeral-sequential',
    ]);
    await this.ledger.call(
      this.client,
      `create ${path} ${value} ${mode}`,
      () => this.client.zk.create(path, value, { mode }),
      value,
      ({ stat }) => stat.czxid,
    );
  }

  private async set(): Promise<void> {
    const path = this.path();
    const value = this.value();
    const version = this.random.chance(0.3) ? this.random.below(3) : -1;
    await this.ledger.call(
      this.client,
      `set ${path} ${value}`,
      () => this.client.zk.set(path, value, version),
      value,
      ({ mzxid }) => mzxid,
    );
  }

  private async delete(): Promise<void> {
    const path = this.path();
    await this.ledger.call(this.client, `delete ${path}`, () => this.client.zk.delete(path));
  }

  private async get(): Promise<void> {
    const { client, ledger } = this;
    const path = this.path();
    const { watch, listener } = this.watches.open(client, 'data', path);
    const watching = this.random.chance(0.5);
    const before = { session: client.zk.sessionId, seen: ledger.seenOf(client, path) };
    const options = watching ? { watch: listener } : {};
    const found = await ledger.call(client, `get ${path}`, () => client.zk.get(path, options));
    if (!found) return;
    watch.version = found.stat.mzxid;
    watch.armed = watching;
    const same = client.zk.sessionId === before.session;
    ledger.read(client, path, found.data, found.stat, same ? before.seen : 0n);
  }

  private async exists(): Promise<void> {
    const path = this.path();
    const { watch, listener } = this.watches.open(this.client, 'data', path);
    const over = new AbortController();
    await this.ledger.call(this.client, `exists ${path}`, async () => {
      const stat = await this.client.zk.exists(path, { watch: listener, watchUntil: over.signal });
      watch.version = stat?.mzxid;
      watch.armed = true;
    });
    if (this.random.chance(0.5)) return;
    await sleep(this.random.between(0, 30), undefined, this.client.process.clock);
    watch.takenBack = true;
    over.abort();
  }

  private async children(): Promise<void> {
    const path = this.random.chance(0.5) ? ROOT : this.path();
    const { watch, listener } = this.watches.open(this.client, 'child', path);
    await this.ledger.call(this.client, `children ${path}`, async () => {
      const { stat } = await this.client.zk.childrenAndStat(path, { watch: listener });
      watch.version = stat.pzxid;
      watch.armed = true;
    });
  }

  private async transaction(): Promise<void> {
    const { zk } = this.client;
    const [one, other] = [this.path(), this.path()];
    const value = this.value();
    await this.ledger.call(
      this.client,
      `transaction on ${one} ${value}, ${other}`,
      () =>
        zk.transaction([
          { op: 'check', path: parentOf(one) },
          this.random.chance(0.5)
            ? { op: 'set', path: one, data: value }
            : { op: 'create', path: one, data: value },
          ...(one === other || this.random.chance(0.5) ? [] : [{ op: 'delete', path: other } as const]),
        ]),
      value,
    );
  }

  private async readAll(): Promise<void> {
    const { client, ledger } = this;
    const paths = [this.path(), this.path()] as const;
    const found = await ledger.call(client, `read ${paths.join(' and ')}`, () =>
      client.zk.readAll(paths.map((path) => ({ op: 'get', path }) as const)),
    );
    for (const [index, each] of (found ?? []).entries()) {
      if (!(each instanceof Error)) ledger.read(client, paths[index] as string, each.data, each.stat, 0n);
    }
  }

  private async sync(): Promise<void> {
    await this.ledger.call(this.client, 'sync', () => this.client.zk.sync(ROOT));
  }

  /** A call that its caller does not wait for long, with a watch now and then. */
  private async abandoned(): Promise<void> {
    const path = this.path();
    const value = this.value();
    const leaving = new AbortController();
    const { signal } = leaving;
    this.client.process.clock.after(this.random.between(0, 8), () => leaving.abort());
    if (this.random.chance(0.5)) {
      await this.ledger.call(
        this.client,
        `set ${path} ${value}, abandoned`,
        () => this.client.zk.set(path, value, -1, { signal }),
        value,
      );
      return;
    }
    const { watch, listener } = this.watches.open(this.client, 'data', path);
    await this.ledger.call(this.client, `get ${path}, abandoned`, async () => {
      const { stat } = await this.client.zk.get(path, { signal, watch: listener });
      watch.version = stat.mzxid;
      watch.armed = true;
    });
  }
}
