import { Queue } from '@flashmesh/coordination';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { eventually, pause } from '../../support/eventually.ts';
import { Workload } from './workload.ts';

/** Every client puts items in, and every client works items off. */
export class QueueWorkload extends Workload {
  readonly name = 'Queue';
  private readonly put = new Set<string>();
  /** Whether they are in the queue nobody knows. */
  private readonly unknown = new Set<string>();
  /** How often each item was worked on. */
  private readonly worked = new Map<string, number>();
  /** How often a consumer's connection went: each time it may have to work on one item again. */
  private interruptions = 0;
  private readonly consuming = new AbortController();
  private readonly consumers: Promise<void>[] = [];

  start(): Promise<void> {
    for (const [index, zk] of this.ground.clients.entries()) {
      let sent = 0;
      zk.onState(({ name }) => {
        if (name === 'suspended') this.interruptions++;
      });
      this.repeat(() => this.putOne(zk, `${index}-${sent++}`));
      this.consumers.push(
        new Queue(zk, this.ground.path).consume((data) => this.work(data.toString()), this.consuming.signal),
      );
    }
    return Promise.resolve();
  }

  override async stop(): Promise<void> {
    await super.stop();
    const queue = new Queue(this.ground.direct, this.ground.path);
    await eventually('the queue to be worked off', async () => (await queue.size()) === 0);
    this.consuming.abort();
    await Promise.all(this.consumers);
  }

  async verify(): Promise<void> {
    const { direct, path } = this.ground;
    const neverWorked = [...this.put].filter((item) => !this.worked.has(item));
    expect(neverWorked).toEqual([]);
    const neverPut = [...this.worked.keys()].filter((item) => !this.put.has(item) && !this.unknown.has(item));
    expect(neverPut).toEqual([]);
    const again = [...this.worked.values()].reduce((sum, times) => sum + times - 1, 0);
    expect(again).toBeLessThanOrEqual(this.interruptions);
    expect(await direct.children(joinPath(path, 'claims'))).toEqual([]);
    expect(await direct.children(joinPath(path, 'items'))).toEqual([]);
  }

  private async putOne(zk: ZooKeeper, item: string): Promise<void> {
    try {
      await new Queue(zk, this.ground.path).put(item);
      this.put.add(item);
    } catch (error) {
      if (isZooKeeperError(error, 'ZK_CONNECTION_LOSS')) this.unknown.add(item);
      throw error;
    }
    await pause(30);
  }

  private async work(item: string): Promise<void> {
    this.worked.set(item, (this.worked.get(item) ?? 0) + 1);
    await pause(2);
  }
}
