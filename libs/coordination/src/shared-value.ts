import { isZooKeeperError, parentOf, type Stat, type ZooKeeper } from '@flashmesh/zookeeper';

/** A value and the version it has. */
export interface Versioned {
  readonly data: Buffer;
  readonly version: number;
}

/** One value for all clients that name the same path, changed by its version. */
export class SharedValue {
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private readonly initial: Uint8Array | string;

  /** @param initial the value where there is none yet. */
  constructor(zk: ZooKeeper, path: string, initial: Uint8Array | string) {
    this.zk = zk;
    this.path = path;
    this.initial = initial;
  }

  /** The value as the server that this client talks to knows it. */
  async get(): Promise<Versioned> {
    const { data, stat } = await this.look();
    return { data, version: stat.version };
  }

  /** Replaces it whatever it is. */
  async set(data: Uint8Array | string): Promise<Versioned> {
    const stat = await this.get().then(() => this.zk.set(this.path, data));
    return { data: Buffer.from(data as string), version: stat.version };
  }

  /** Replaces it if it still has that version; otherwise changes nothing and answers `undefined`. */
  async trySet(version: number, data: Uint8Array | string): Promise<Versioned | undefined> {
    try {
      const stat = await this.zk.set(this.path, data, version);
      return { data: Buffer.from(data as string), version: stat.version };
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_BAD_VERSION')) throw error;
      return undefined;
    }
  }

  /**
   * Replaces it by what `change` makes of it, again and again until nobody came in between.
   *
   * @throws ZooKeeperError `ZK_CONNECTION_LOSS`: nobody knows whether the last attempt took effect.
   */
  async update(change: (data: Buffer) => Uint8Array | string): Promise<Versioned> {
    for (;;) {
      const { data, version } = await this.get();
      const done = await this.trySet(version, change(data));
      if (done) return done;
    }
  }

  /**
   * Calls `listener` with the value now and after every change; several changes in a row may arrive as one.
   *
   * @param onError told of readings that failed; the next event or connection causes another.
   */
  async watch(
    listener: (value: Versioned) => void,
    { until, onError = () => undefined }: { until: AbortSignal; onError?: (error: unknown) => void },
  ): Promise<void> {
    // By the transaction, since a node that was deleted and made again counts its versions from 0.
    let shown: bigint | undefined;
    const look = async () => {
      const { data, stat } = await this.look();
      if (stat.mzxid === shown || until.aborted) return;
      shown = stat.mzxid;
      listener({ data, version: stat.version });
    };
    const trouble = (error: unknown) => until.aborted || onError(error);
    await this.zk.watch(this.path, () => void look().catch(trouble), { until });
    await look();
  }

  /** What is there, after making it where there was nothing. */
  private async look(): Promise<{ data: Buffer; stat: Stat }> {
    for (;;) {
      try {
        return await this.zk.get(this.path);
      } catch (error) {
        if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
        await this.make();
      }
    }
  }

  private async make(): Promise<void> {
    await this.zk.mkdirp(parentOf(this.path));
    try {
      await this.zk.create(this.path, this.initial);
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NODE_EXISTS', 'ZK_NO_NODE')) throw error;
    }
  }
}
