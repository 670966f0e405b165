import { sleep } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { isZooKeeperError } from './errors.ts';
import { parentOf } from './paths.ts';
import { Reconciler } from './reconciler.ts';
import type { ZooKeeper } from './zookeeper.ts';

/** Between two attempts to take the node out. */
const RETRY_MS = 100;

/**
 * Keeps an ephemeral node in place: it is made again after a lost session, and when somebody deletes or changes it.
 *
 * Two processes may claim the same node. The newest claim wins: at the start whatever is there is replaced, since it is most
 * likely left over from a run before this one; later a node of a foreign session is left alone until it goes.
 */
export class PersistentNode {
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private data: Buffer;
  private readonly logger: Logger | undefined;
  private readonly reconciler: Reconciler;
  /** Every session that this one has written with: their nodes are its own. */
  private readonly sessions = new Set<bigint>();
  private readonly first = Promise.withResolvers<void>();
  private placed = false;
  private armed = false;
  private withdrawn = false;
  /** While one is under way. */
  private withdrawal: Promise<void> | undefined;
  /** Waits for the latest {@link PersistentNode.update}. */
  private updating: PromiseWithResolvers<void> | undefined;

  constructor(zk: ZooKeeper, path: string, data: string, logger?: Logger) {
    this.zk = zk;
    this.path = path;
    this.data = Buffer.from(data);
    this.logger = logger;
    this.reconciler = new Reconciler((signal) => this.place(signal), {
      onError: (error) => {
        // What waiting does not cure is the owner's to know; after the first time it can only be logged.
        if (!this.placed && !(isZooKeeperError(error) && error.kind === 'unavailable')) {
          this.first.reject(error);
        }
        this.logger?.warn({ err: error, path }, 'placing the node failed');
      },
      clock: zk.clock,
    });
  }

  /**
   * Puts the node in place, with its missing parents. Resolves when it is there; waits while ZooKeeper is out of reach.
   *
   * @throws ZooKeeperError for what waiting does not cure, e.g. `ZK_NO_AUTH`.
   */
  async start(): Promise<void> {
    this.reconciler.poke();
    try {
      await this.first.promise;
    } catch (error) {
      await this.reconciler.stop();
      throw error;
    }
  }

  /**
   * Changes what the node holds from now on. Resolves when it is written, or when it no longer matters: the node was withdrawn, or
   * another process has it. While ZooKeeper is out of reach it waits.
   */
  update(data: string): Promise<void> {
    if (this.withdrawn) return Promise.resolve();
    this.data = Buffer.from(data);
    this.updating ??= Promise.withResolvers<void>();
    this.reconciler.poke();
    return this.updating.promise;
  }

  /**
   * Takes the node out, at once, and again and again while it is unknown whether that worked. Resolves when it is gone, or its session
   * is, which takes it along.
   *
   * @throws ZooKeeperError for what waiting does not cure, e.g. `ZK_NO_AUTH`, and `ZK_NOT_READ_ONLY`: it may be called again.
   */
  withdraw(): Promise<void> {
    this.withdrawn = true;
    this.withdrawal ??= this.remove().finally(() => {
      this.withdrawal = undefined;
    });
    return this.withdrawal;
  }

  private async remove(): Promise<void> {
    await this.reconciler.stop();
    this.first.resolve();
    this.updated();
    while (this.sessions.has(this.zk.sessionId) && this.zk.state.name !== 'closed') {
      try {
        return await this.deleteOwn();
      } catch (error) {
        const repeatable =
          isZooKeeperError(error) && (error.kind === 'unavailable' || error.code === 'ZK_CLOSED');
        // A server without a quorum may stay one.
        if (!repeatable || error.code === 'ZK_NOT_READ_ONLY') throw error;
        await sleep(RETRY_MS, undefined, this.zk.clock);
      }
    }
  }

  /** Whose node it is, the server may know only from others: a create whose reply was lost went through another one. */
  private async deleteOwn(): Promise<void> {
    const [, stat] = await Promise.all([this.zk.sync(this.path), this.zk.exists(this.path)]);
    if (!stat || !this.sessions.has(stat.ephemeralOwner)) return;
    try {
      await this.zk.delete(this.path);
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
    }
  }

  private async place(signal: AbortSignal): Promise<void> {
    for (;;) {
      const stat = await this.look(signal);
      if (!stat) await this.create();
      else if (stat.ephemeralOwner === this.zk.sessionId) {
        const wanted = this.data;
        const { data } = await this.zk.get(this.path, { signal });
        if (!data.equals(wanted)) await this.zk.set(this.path, wanted);
        this.placed = true;
        // Changed meanwhile: the next run, planned by `update`, writes that.
        if (wanted === this.data) this.updated();
        return this.first.resolve();
      } else if (this.placed && !this.sessions.has(stat.ephemeralOwner)) {
        this.logger?.warn({ path: this.path }, 'another process has this node: left alone');
        return this.updated();
      } else await this.replace();
      if (signal.aborted) return;
    }
  }

  private updated(): void {
    this.updating?.resolve();
    this.updating = undefined;
  }

  /** Reads the node's stat, and makes sure that a watch waits for its next change. */
  private look(signal: AbortSignal): ReturnType<ZooKeeper['exists']> {
    if (this.armed) return this.zk.exists(this.path, { signal });
    this.armed = true;
    const watch = () => {
      this.armed = false;
      this.reconciler.poke();
    };
    return this.zk.exists(this.path, { watch, signal }).catch((error: unknown) => {
      this.armed = false;
      throw error;
    });
  }

  private async create(): Promise<void> {
    // Noted before, since a create whose reply was lost may have been applied.
    this.sessions.add(this.zk.sessionId);
    try {
      const { stat } = await this.zk.create(this.path, this.data, { mode: 'ephemeral' });
      this.sessions.add(stat.ephemeralOwner);
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_NO_NODE')) {
        await this.zk.mkdirp(parentOf(this.path));
      } else if (!isZooKeeperError(error, 'ZK_NODE_EXISTS')) throw error;
    }
  }

  /** Both requests go out together, so that watchers have hardly a moment in which to see neither node. */
  private async replace(): Promise<void> {
    const deleting = this.zk.delete(this.path).catch((error: unknown) => {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
    });
    await Promise.all([deleting, this.create()]);
  }
}
