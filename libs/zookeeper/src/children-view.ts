import type { Logger } from '@flashmesh/telemetry';
import { isZooKeeperError } from './errors.ts';
import { joinPath } from './paths.ts';
import { Reconciler } from './reconciler.ts';
import type { ZooKeeper } from './zookeeper.ts';

export interface ChildrenViewOptions {
  /**
   * Called with all children and their data after the first reading and after every change; the map is the listener's to keep.
   * Several changes in a row may arrive as one.
   */
  readonly onChange: (entries: Map<string, Buffer>) => void;
  readonly logger?: Logger;
}

interface Child {
  data: Buffer;
  /** Whether a watch waits at the server; without one the data must be read again. */
  armed: boolean;
}

/**
 * A live view of a node's children and their data, kept by one-shot watches that are armed again with every reading. A missing
 * node is created. While ZooKeeper cannot be reached the last view stands; after a lost session everything is read again.
 *
 * It shows states that the children really had, each child by itself; two children may be shown at different moments.
 */
export class ChildrenView {
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private readonly o: ChildrenViewOptions;
  private readonly reconciler: Reconciler;
  private readonly first = Promise.withResolvers<void>();
  private children = new Map<string, Child>();
  private listArmed = false;
  /** Whether `children` differ from what was shown; kept over a failed reading. */
  private changed = true;
  private stopOnState: (() => void) | undefined;

  constructor(zk: ZooKeeper, path: string, o: ChildrenViewOptions) {
    this.zk = zk;
    this.path = path;
    this.o = o;
    this.reconciler = new Reconciler((signal) => this.refresh(signal), {
      onError: (error) => this.o.logger?.debug({ err: error, path }, 'reading the children failed'),
    });
  }

  /** Starts reading. Resolves after the first call of `onChange`, or when stopped before that. */
  start(): Promise<void> {
    // Watches that were armed survive a reconnect; whatever failed meanwhile is read again at once instead of after its pause.
    this.stopOnState ??= this.zk.onState((state) => {
      if (state.name === 'connected') this.reconciler.poke();
    });
    this.reconciler.poke();
    return this.first.promise;
  }

  /** `onChange` is not called any more once this was called. */
  async stop(): Promise<void> {
    this.stopOnState?.();
    await this.reconciler.stop();
    this.first.resolve();
  }

  private async refresh(signal: AbortSignal): Promise<void> {
    if (!this.listArmed) await this.readList(signal);
    const stale = [...this.children].filter(([, child]) => !child.armed);
    const outcomes = await Promise.allSettled(
      stale.map(([name, child]) => this.readChild(name, child, signal)),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) throw failed.reason;
    if (signal.aborted || !this.changed) return;
    this.changed = false;
    this.o.onChange(new Map([...this.children].map(([name, child]) => [name, child.data])));
    this.first.resolve();
  }

  private async readList(signal: AbortSignal): Promise<void> {
    const names = await this.list(signal);
    const before = this.children;
    this.children = new Map(
      names.sort().map((name) => [name, before.get(name) ?? { data: Buffer.alloc(0), armed: false }]),
    );
    if (names.length !== before.size || names.some((name) => !before.has(name))) this.changed = true;
  }

  private async list(signal: AbortSignal): Promise<string[]> {
    this.listArmed = true;
    const watch = () => {
      this.listArmed = false;
      this.reconciler.poke();
    };
    try {
      return await this.zk.children(this.path, { watch, signal });
    } catch (error) {
      this.listArmed = false;
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      await this.zk.mkdirp(this.path, { signal });
      return this.list(signal);
    }
  }

  private async readChild(name: string, child: Child, signal: AbortSignal): Promise<void> {
    child.armed = true;
    const watch = () => {
      child.armed = false;
      this.reconciler.poke();
    };
    try {
      const { data } = await this.zk.get(joinPath(this.path, name), { watch, signal });
      if (data.equals(child.data)) return;
      // A copy: the view may live long, and would otherwise hold the network's buffer.
      child.data = Buffer.from(data);
      this.changed = true;
    } catch (error) {
      child.armed = false;
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      // Gone since the list was read. It may be back under the same name: the list's watch tells.
      if (this.children.delete(name)) this.changed = true;
    }
  }
}
