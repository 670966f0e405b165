import { FlashmeshError, messageOf } from '@flashmesh/core';
import { isZooKeeperError, type ZooKeeperErrorCode } from '../../errors.ts';
import type { Stat } from '../../records.ts';
import type { Transaction } from './model.ts';
import type { SimulatedClient, Simulation } from './simulation.ts';

/** What a write turned out to be, as its caller knows. */
type Known = 'done' | 'not done' | 'unknown';

interface WrittenValue {
  readonly client: string;
  readonly known: Known;
  /** The transaction, where the answer told. */
  readonly zxid?: bigint;
}

const REFUSALS: readonly ZooKeeperErrorCode[] = [
  'ZK_NO_NODE',
  'ZK_NODE_EXISTS',
  'ZK_BAD_VERSION',
  'ZK_NOT_EMPTY',
  'ZK_NO_CHILDREN_FOR_EPHEMERALS',
  // The server refused it, or it was never sent: what was under way when the session ended fails with a lost connection.
  'ZK_SESSION_EXPIRED',
];

/**
 * Keeps what callers were told, and compares it with what the ensemble committed: acknowledged means committed once, refused means not
 * committed, unknown means at most once; what is read was committed, and never gets older within a session.
 */
export class Ledger {
  private readonly sim: Simulation;
  private readonly values = new Map<string, WrittenValue>();
  /** Of each client's session, the newest version seen of each path. */
  private readonly seen = new Map<string, bigint>();

  constructor(sim: Simulation) {
    this.sim = sim;
  }

  /** Makes a call, notes how it ended, and that it did not hang. Answers `undefined` when it failed. */
  async call<T>(
    { name, process, zk }: SimulatedClient,
    what: string,
    run: () => Promise<T>,
    value?: string,
    zxidOf?: (result: T) => bigint | undefined,
  ): Promise<T | undefined> {
    const { clock, history } = this.sim;
    const from = clock.monotonic() - process.totalFrozenMs;
    const timeoutMs = zk.sessionTimeoutMs;
    let known: Known = 'unknown';
    let zxid: bigint | undefined;
    try {
      const result = await run();
      known = 'done';
      zxid = zxidOf?.(result);
      history.add(`${name} ${what}: done`);
      return result;
    } catch (error) {
      known = this.judge(what, error);
      const code = error instanceof FlashmeshError ? error.code : messageOf(error);
      history.add(`${name} ${what}: ${code}`);
      return undefined;
    } finally {
      const tookMs = clock.monotonic() - process.totalFrozenMs - from;
      // At most a session timeout until there is a connection, and most of another one until a silent one is given up.
      this.sim.check(tookMs <= timeoutMs * 2 + 100, `${name} ${what}: took ${tookMs} ms`);
      if (value !== undefined) this.values.set(value, { client: name, known, zxid });
    }
  }

  /** What was read of a node: committed, and no older than what this session has seen before the call. */
  read({ name, zk }: SimulatedClient, path: string, data: Buffer, stat: Stat, atLeast: bigint): void {
    const change = this.transaction(stat.mzxid)?.changes.find(
      (each) => each.path === path && each.type !== 'delete',
    );
    const committed = change && change.type !== 'delete' && change.data.equals(data);
    this.sim.check(committed === true, `${name} read "${data.toString()}" of ${path}, never committed`);
    this.sim.check(stat.mzxid >= atLeast, `${name} read an older version of ${path} than before`);
    const key = this.keyOf(name, zk.sessionId, path);
    if (stat.mzxid > (this.seen.get(key) ?? 0n)) this.seen.set(key, stat.mzxid);
  }

  /** The newest version of the path that the client's session has seen. */
  seenOf({ name, zk }: SimulatedClient, path: string): bigint {
    return this.seen.get(this.keyOf(name, zk.sessionId, path)) ?? 0n;
  }

  /** Compares all writes with what was committed. */
  balance(): void {
    const committed = new Map<string, bigint[]>();
    for (const { zxid, changes } of this.sim.ensemble.log) {
      for (const change of changes) {
        if (change.type === 'delete' || change.data.length === 0) continue;
        const value = change.data.toString();
        committed.set(value, [...(committed.get(value) ?? []), zxid]);
      }
    }
    for (const [value, { client, known, zxid }] of this.values) {
      const times = committed.get(value) ?? [];
      const expected = { done: [1], 'not done': [0], unknown: [0, 1] }[known];
      this.sim.check(
        expected.includes(times.length),
        `${client} wrote ${value}: ${known} by its answer, committed ${times.length} times`,
      );
      if (zxid !== undefined) {
        this.sim.check(times[0] === zxid, `${client} wrote ${value}: the answer tells another transaction`);
      }
    }
  }

  transaction(zxid: bigint): Transaction | undefined {
    const { log } = this.sim.ensemble;
    let low = 0;
    let high = log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((log[middle] as Transaction).zxid < zxid) low = middle + 1;
      else high = middle;
    }
    return log[low]?.zxid === zxid ? log[low] : undefined;
  }

  private judge(what: string, error: unknown): Known {
    if (isZooKeeperError(error, ...REFUSALS)) return 'not done';
    const unknown =
      isZooKeeperError(error, 'ZK_CONNECTION_LOSS') ||
      (error instanceof FlashmeshError && error.code === 'CANCELLED');
    this.sim.check(unknown, `${what}: an error that cannot be: ${messageOf(error)}`);
    return 'unknown';
  }

  private keyOf(name: string, session: bigint, path: string): string {
    return `${name} ${session} ${path}`;
  }
}
