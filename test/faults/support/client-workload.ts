import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { eventually, pause } from '../../support/eventually.ts';
import { Workload } from './workload.ts';

/** One value of one writer: what it was answered, and what it may have written beyond that. */
interface Register {
  readonly path: string;
  acknowledged: number;
  attempted: number;
  /** The node's version; undefined while it is not known, after a write of which nobody knows. */
  version: number | undefined;
}

/**
 * The client by itself: each writes a register of its own, reads those of the others, and watches one node by one-shot watches,
 * one after the other.
 */
export class ClientWorkload extends Workload {
  readonly name = 'ZooKeeper';
  private readonly registers: Register[] = [];
  private readonly wrong: string[] = [];
  /** What each client has read last at the node that it watches. */
  private readonly watched: string[] = [];
  private readonly over = new AbortController();

  async start(): Promise<void> {
    const { clients, direct, path } = this.ground;
    await direct.mkdirp(joinPath(path, 'watched'));
    for (const [index, zk] of clients.entries()) {
      const register = { path: joinPath(path, `r${index}`), acknowledged: 0, attempted: 0, version: 0 };
      await direct.create(register.path, '0');
      this.registers.push(register);
      this.watched.push('');
      this.watch(zk, index);
      this.repeat(() => this.write(zk, register));
      const read = this.reader(zk);
      this.repeat(read);
    }
    this.repeat(() => this.touch(direct));
  }

  override async stop(): Promise<void> {
    await super.stop();
    const { direct, path } = this.ground;
    await direct.set(joinPath(path, 'watched'), 'the last');
    await eventually('every watch to tell of the last change', () =>
      this.watched.every((data) => data === 'the last'),
    );
    this.over.abort();
  }

  async verify(): Promise<void> {
    const { direct, path } = this.ground;
    expect(this.wrong).toEqual([]);
    await direct.sync(path);
    for (const { path: at, acknowledged, attempted } of this.registers) {
      const value = Number((await direct.get(at)).data.toString());
      expect(value).toBeGreaterThanOrEqual(acknowledged);
      expect(value).toBeLessThanOrEqual(attempted);
      expect(acknowledged).toBeGreaterThan(0);
    }
  }

  /** By its version: an earlier write that was held up somewhere cannot come after a later one. */
  private async write(zk: ZooKeeper, register: Register): Promise<void> {
    const version = register.version ?? (await this.read(zk, register));
    if (version === undefined) return;
    register.version = undefined;
    const value = register.attempted + 1;
    register.attempted = value;
    try {
      register.version = (await zk.set(register.path, String(value), version)).version;
      register.acknowledged = value;
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_BAD_VERSION')) throw error;
    }
    await pause(5);
  }

  /** What was acknowledged is there after a `sync`; answers the version, unless the session changed meanwhile. */
  private async read(zk: ZooKeeper, register: Register): Promise<number | undefined> {
    const { sessionId } = zk;
    await zk.sync(register.path);
    const { data, stat } = await zk.get(register.path);
    if (zk.sessionId !== sessionId) return undefined;
    const value = Number(data.toString());
    if (value < register.acknowledged || value > register.attempted) {
      this.wrong.push(`${register.path}: ${value}, acknowledged ${register.acknowledged}`);
    }
    return stat.version;
  }

  /** Within a session nothing goes back, whichever servers answer. */
  private reader(zk: ZooKeeper): () => Promise<void> {
    let session = 0n;
    let newest = new Map<string, bigint>();
    return async () => {
      const { sessionId } = zk;
      if (sessionId !== session) newest = new Map();
      session = sessionId;
      for (const { path } of this.registers) {
        const { stat } = await zk.get(path);
        // Answered in another session: the next round begins anew.
        if (zk.sessionId !== session) return;
        const before = newest.get(path) ?? 0n;
        if (stat.mzxid < before) this.wrong.push(`${path}: ${stat.mzxid} read after ${before}`);
        newest.set(path, stat.mzxid);
      }
      await pause(5);
    };
  }

  private async touch(direct: ZooKeeper): Promise<void> {
    await direct.set(joinPath(this.ground.path, 'watched'), 'again');
    await pause(40);
  }

  /** Reads and watches again at every event, the end of a session included. */
  private watch(zk: ZooKeeper, index: number): void {
    const look = async (): Promise<void> => {
      while (!this.over.signal.aborted) {
        try {
          const { data } = await zk.get(joinPath(this.ground.path, 'watched'), {
            watch: () => void look(),
            watchUntil: this.over.signal,
          });
          this.watched[index] = data.toString();
          return;
        } catch (error) {
          if (!isZooKeeperError(error) || error.kind !== 'unavailable') {
            if (!this.over.signal.aborted) this.surprises.push(error);
            return;
          }
          await pause(20);
        }
      }
    };
    void look();
  }
}
