import { isZooKeeperError, joinPath, type Operation, type ZooKeeper } from '@flashmesh/zookeeper';
import { z } from 'zod';

const adminJob = z.object({
  id: z.string(),
  /** Whose instances do it. */
  service: z.string(),
  kind: z.string(),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  /** How many instances began it. */
  attempts: z.int(),
  /** Moments, in milliseconds since the epoch. */
  createdAt: z.int(),
  startedAt: z.int().optional(),
  endedAt: z.int().optional(),
  /** The instance that began it last. */
  takenBy: z.string().optional(),
  /** Why it failed. */
  fault: z.string().optional(),
});

/** A job of an administrator, and how far it is. */
export type AdminJob = Readonly<z.infer<typeof adminJob>>;

/** How many jobs are remembered at most, beside those that are not over. */
const REMEMBERED = 100;

export function isOver({ state }: AdminJob): boolean {
  return state === 'done' || state === 'failed';
}

/** @internal One node a job; their names sort by time. */
export class JobRecords {
  private readonly zk: ZooKeeper;
  private readonly path: string;

  constructor(zk: ZooKeeper, path: string) {
    this.zk = zk;
    this.path = path;
  }

  /** What puts a new job on record; refused when there is one of this id. */
  creation(job: AdminJob): Operation {
    return { op: 'create', path: this.pathOf(job.id), data: JSON.stringify(job) };
  }

  async find(id: string): Promise<{ readonly job: AdminJob; readonly version: number } | undefined> {
    // Whatever else a caller calls an id is not the name of a node.
    if (!/^[\w-]{1,64}$/.test(id)) return undefined;
    try {
      const { data, stat } = await this.zk.get(this.pathOf(id));
      return { job: adminJob.parse(JSON.parse(data.toString())), version: stat.version };
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      return undefined;
    }
  }

  /** Replaces the record if it has that version; answers the next. @throws ZooKeeperError `ZK_BAD_VERSION`, `ZK_NO_NODE`. */
  async update(job: AdminJob, version: number): Promise<number> {
    return (await this.zk.set(this.pathOf(job.id), JSON.stringify(job), version)).version;
  }

  /** Makes room for one: takes out the oldest that are over. */
  async prune(): Promise<void> {
    await this.zk.mkdirp(this.path);
    const ids = (await this.zk.children(this.path)).sort();
    for (const id of ids.slice(0, Math.max(ids.length + 1 - REMEMBERED, 0))) {
      const found = await this.find(id);
      if (!found || !isOver(found.job)) continue;
      await this.zk.delete(this.pathOf(id)).catch((error: unknown) => {
        if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      });
    }
  }

  private pathOf(id: string): string {
    return joinPath(this.path, id);
  }
}
