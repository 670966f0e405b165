import { isZooKeeperError, joinPath, SubtreeCache, type ZooKeeper } from '@flashmesh/zookeeper';
import { eventually, pause } from '../../support/eventually.ts';
import { Workload } from './workload.ts';

const NODES = 6;
const ADD_EVERY_MS = 100;

/** Every client changes nodes of one subtree and looks at a live copy of it. */
export class CacheWorkload extends Workload {
  readonly name = 'SubtreeCache';
  private readonly caches: SubtreeCache[] = [];
  /** Every data that somebody tried to write. */
  private readonly written = new Set<string>();
  private readonly wrong: string[] = [];
  private shown = 0;
  private next = 0;

  async start(): Promise<void> {
    const { clients, direct, path } = this.ground;
    await direct.mkdirp(path);
    for (const zk of clients) {
      const cache = new SubtreeCache(zk, path, { onChange: this.watcher() });
      this.caches.push(cache);
      await cache.start();
      this.repeat(() => this.change(zk));
    }
    this.repeat(() => this.addForGood(direct));
  }

  override async stop(): Promise<void> {
    await super.stop();
    const { direct, path } = this.ground;
    await direct.sync(path);
    const truth = new Map<string, bigint>();
    for (const name of await direct.children(path)) {
      const at = joinPath(path, name);
      const { stat } = await direct.get(at);
      truth.set(at, stat.mzxid);
    }
    const same = (cache: SubtreeCache) =>
      cache.size === truth.size + 1 && [...truth].every(([at, mzxid]) => cache.get(at)?.stat.mzxid === mzxid);
    await eventually('every copy to be the truth', () => this.caches.every(same));
    await Promise.all(this.caches.map((cache) => cache.stop()));
  }

  verify(): Promise<void> {
    expect(this.wrong).toEqual([]);
    expect(this.shown).toBeGreaterThan(this.caches.length);
    return Promise.resolve();
  }

  /** Of one copy: what it shows was written once, and it never goes back to something older. */
  private watcher(): (cache: SubtreeCache) => void {
    const newest = new Map<string, bigint>();
    return (cache) => {
      this.shown++;
      for (const [at, { data, stat }] of cache.entries()) {
        if (at === this.ground.path) continue;
        const before = newest.get(at) ?? 0n;
        if (stat.mzxid < before) this.wrong.push(`${at}: ${stat.mzxid} shown after ${before}`);
        if (!this.written.has(data.toString()))
          this.wrong.push(`${at}: ${data.toString()} was never written`);
        newest.set(at, stat.mzxid);
      }
    };
  }

  /** A node that is never touched again: whoever misses it while it is cut off, misses it for ever. */
  private async addForGood(direct: ZooKeeper): Promise<void> {
    const data = `${this.next++}`;
    this.written.add(data);
    await direct.create(joinPath(this.ground.path, `for-good-${data}`), data);
    await pause(ADD_EVERY_MS);
  }

  private async change(zk: ZooKeeper): Promise<void> {
    const number = this.next++;
    const at = joinPath(this.ground.path, `n${number % NODES}`);
    const data = `${number}`;
    this.written.add(data);
    try {
      if (number % 5 === 0) await zk.delete(at);
      else await zk.set(at, data);
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      await zk.create(at, data).catch((late: unknown) => {
        // Another client was faster.
        if (!isZooKeeperError(late, 'ZK_NODE_EXISTS')) throw late;
      });
    }
    await pause(15);
  }
}
