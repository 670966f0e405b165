import { type Clock, SingleFlight, systemClock } from '@flashmesh/core';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { claimWorkerId, type WorkerId } from './worker-id.ts';

export interface IdSourceOptions {
  /** How many processes may make ids at the same time, at most 4096. @default 1024 */
  readonly workers?: number;
  readonly clock?: Clock;
}

const MAX_WORKERS = 0x1000;
const COUNTER_END = 0x1000;

/**
 * Ids for what has no name of its own: `<milliseconds>-<worker>-<counter>` in hex, of one length, so they sort by time. Those of one
 * process always grow. Those of two processes at the same time differ by the worker number ({@link claimWorkerId}), which is claimed at
 * the first id, and again when the session that held it was lost.
 *
 * One after the other may have the same number: if the clock of the later is behind, it can make an id again. Create what the id names,
 * and that is found out.
 */
export class IdSource {
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private readonly owner: string;
  private readonly workers: number;
  private readonly clock: Clock;
  private readonly claiming = new SingleFlight<'worker', WorkerId>();
  private worker: WorkerId | undefined;
  private time = 0;
  private counter = 0;

  /** @param owner named in the node of the number. @throws RangeError for more workers than fit. */
  constructor(zk: ZooKeeper, path: string, owner: string, o: IdSourceOptions = {}) {
    this.zk = zk;
    this.path = path;
    this.owner = owner;
    this.workers = o.workers ?? 1024;
    if (this.workers > MAX_WORKERS) throw new RangeError(`workers must be at most ${MAX_WORKERS}`);
    this.clock = o.clock ?? systemClock;
  }

  /** @throws FlashmeshError `resource_exhausted` (`NO_WORKER_ID`); ZooKeeperError. */
  async next(): Promise<string> {
    const { id } = await this.claimed();
    this.step();
    return `${hex(this.time, 12)}-${hex(id, 3)}-${hex(this.counter, 3)}`;
  }

  /** Gives the number back. */
  async close(): Promise<void> {
    await this.worker?.release();
  }

  private claimed(): Promise<WorkerId> | WorkerId {
    if (this.worker?.isHeld()) return this.worker;
    return this.claiming.run('worker', async () => {
      await this.worker?.release();
      this.worker = await claimWorkerId(this.zk, this.path, this.owner, this.workers);
      return this.worker;
    });
  }

  /** To the next pair of time and counter, never back, whatever the clock says. */
  private step(): void {
    const now = this.clock.now();
    if (now > this.time) {
      this.time = now;
      this.counter = 0;
    } else if (++this.counter === COUNTER_END) {
      this.time++;
      this.counter = 0;
    }
  }
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
