import type { Logger } from '@flashmesh/telemetry';
import { isZooKeeperError } from './errors.ts';
import { joinPath } from './paths.ts';
import { Reconciler } from './reconciler.ts';
import type { Stat } from './records.ts';
import type { WatchEvent } from './watch-registry.ts';
import type { ZooKeeper } from './zookeeper.ts';

/** A node as it was at one moment. */
export interface CachedNode {
  readonly data: Buffer;
  readonly stat: Stat;
}

export interface SubtreeCacheOptions {
  /** Called after the first reading and after every change; several changes in a row may arrive as one. It must not block. */
  readonly onChange?: (cache: SubtreeCache) => void;
  readonly logger?: Logger;
}

/** Reads under way at a time: a large tree shall not crowd out the other requests of the session. */
const BATCH = 256;

/**
 * A live copy of a node and everything beneath it, on one persistent recursive watch. The node need not exist.
 *
 * What it shows of a node (data and stat together) is what was committed at some moment, and never goes back to an earlier one; two
 * nodes may be shown at different moments. After every reconnect, when the server does not tell what was missed, all is read again
 * and compared, from a server that has everything written before (`sync`). While ZooKeeper cannot be reached the last copy stands.
 */
export class SubtreeCache {
  private readonly zk: ZooKeeper;
  private readonly root: string;
  private readonly o: SubtreeCacheOptions;
  private readonly reconciler: Reconciler;
  private readonly stopped = new AbortController();
  private readonly first = Promise.withResolvers<void>();
  private readonly dirty = new Set<string>();
  private nodes = new Map<string, CachedNode>();
  private watching = false;
  private stale = true;
  /** Whether the copy differs from what was shown; kept over a failed reading. */
  private changed = true;

  constructor(zk: ZooKeeper, root: string, o: SubtreeCacheOptions = {}) {
    this.zk = zk;
    this.root = root;
    this.o = o;
    this.reconciler = new Reconciler((signal) => this.refresh(signal), {
      onError: (error) => this.o.logger?.debug({ err: error, path: root }, 'reading the subtree failed'),
      clock: zk.clock,
    });
  }

  /** Starts reading. Resolves when all was read once, or when stopped before that. */
  start(): Promise<void> {
    this.reconciler.poke();
    return this.first.promise;
  }

  /** Takes the watch back. `onChange` is not called any more once this was called. */
  async stop(): Promise<void> {
    this.stopped.abort();
    await this.reconciler.stop();
    this.first.resolve();
  }

  /** How many nodes there are. */
  get size(): number {
    return this.nodes.size;
  }

  /** The node at that path, if it is there. */
  get(path: string): CachedNode | undefined {
    return this.nodes.get(path);
  }

  /** Path and node, parents before their children. */
  entries(): [string, CachedNode][] {
    return [...this.nodes].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Name and node of each child, by name. @param path the root when not given. */
  children(path = this.root): Map<string, CachedNode> {
    const prefix = path === '/' ? '/' : `${path}/`;
    const found = this.entries().filter(
      ([at]) => at.startsWith(prefix) && at.length > prefix.length && !at.includes('/', prefix.length),
    );
    return new Map(found.map(([at, node]) => [at.slice(prefix.length), node]));
  }

  private readonly onEvent = ({ type, path }: WatchEvent): void => {
    if (type === 'rearmed') this.stale = true;
    else if (type === 'removed' || type === 'session-lost') this.watching = false;
    else this.dirty.add(path);
    this.reconciler.poke();
  };

  private async refresh(signal: AbortSignal): Promise<void> {
    if (!this.watching) {
      await this.zk.watch(this.root, this.onEvent, { recursive: true, signal, until: this.stopped.signal });
      this.watching = true;
      this.stale = true;
    }
    if (this.stale) await this.scan(signal);
    // Read in order, so that a parent is there before its children.
    const paths = [...this.dirty].sort();
    for (let at = 0; at < paths.length; at += BATCH) await this.read(paths.slice(at, at + BATCH), signal);
    if (signal.aborted || !this.changed) return;
    this.changed = false;
    this.o.onChange?.(this);
    this.first.resolve();
  }

  private async scan(signal: AbortSignal): Promise<void> {
    this.stale = false;
    // What is told from here on is read after the scan.
    this.dirty.clear();
    try {
      await this.zk.sync(this.root, { signal });
      const seen = new Map<string, CachedNode>();
      for (let level = [this.root]; level.length > 0;) {
        const next: string[] = [];
        for (let at = 0; at < level.length; at += BATCH) {
          const found = await Promise.all(level.slice(at, at + BATCH).map((path) => this.look(path, signal)));
          for (const { path, node, children } of found) {
            if (node) seen.set(path, node);
            next.push(...children.map((child) => joinPath(path, child)));
          }
        }
        level = next;
      }
      const before = this.nodes;
      this.nodes = seen;
      this.changed ||=
        before.size !== seen.size || [...seen].some(([path, node]) => !sameAs(before.get(path), node));
    } catch (error) {
      this.stale = true;
      throw error;
    }
  }

  private async look(
    path: string,
    signal: AbortSignal,
  ): Promise<{ path: string; node?: CachedNode; children: string[] }> {
    const [node, children] = await Promise.all([
      this.zk.get(path, { signal }).then(copied, absent),
      this.zk.children(path, { signal }).catch(absent),
    ]);
    // Created or deleted in between: the event that tells of it is on its way.
    return node && children ? { path, node, children } : { path, children: [] };
  }

  private async read(paths: readonly string[], signal: AbortSignal): Promise<void> {
    for (const path of paths) this.dirty.delete(path);
    try {
      const found = await Promise.all(
        paths.map(async (path) => ({
          path,
          node: await this.zk.get(path, { signal }).then(copied, absent),
        })),
      );
      for (const { path, node } of found) this.apply(path, node);
    } catch (error) {
      for (const path of paths) this.dirty.add(path);
      throw error;
    }
  }

  private apply(path: string, node: CachedNode | undefined): void {
    if (node) {
      if (sameAs(this.nodes.get(path), node)) return;
      this.nodes.set(path, node);
      this.changed = true;
    } else if (this.nodes.delete(path)) this.changed = true;
  }
}

/** The data itself: it may live long, and would otherwise hold the network's buffer. */
function copied({ data, stat }: CachedNode): CachedNode {
  return { data: Buffer.from(data), stat };
}

function absent(error: unknown): undefined {
  if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
}

function sameAs(before: CachedNode | undefined, now: CachedNode): boolean {
  return before?.stat.czxid === now.stat.czxid && before.stat.mzxid === now.stat.mzxid;
}
