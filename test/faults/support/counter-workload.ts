import { AtomicCounter } from '@flashmesh/coordination';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';
import { pause } from '../../support/eventually.ts';
import { Workload } from './workload.ts';

/** Every client adds one again and again. */
export class CounterWorkload extends Workload {
  readonly name = 'AtomicCounter';
  /** What the counter was answered to be, of each addition that was answered. */
  private readonly answered: bigint[] = [];
  /** Additions of which nobody knows. */
  private unknown = 0n;

  start(): Promise<void> {
    for (const zk of this.ground.clients) this.repeat(() => this.add(zk));
    return Promise.resolve();
  }

  async verify(): Promise<void> {
    const { direct, path } = this.ground;
    await direct.sync(path);
    const sum = await new AtomicCounter(direct, path).get();
    const certain = BigInt(this.answered.length);
    expect(sum).toBeGreaterThanOrEqual(certain);
    expect(sum).toBeLessThanOrEqual(certain + this.unknown);
    // Each addition was answered with a number of its own.
    expect(new Set(this.answered).size).toBe(this.answered.length);
    expect(this.answered.every((value) => value <= sum)).toBe(true);
  }

  private async add(zk: ZooKeeper): Promise<void> {
    try {
      this.answered.push(await new AtomicCounter(zk, this.ground.path).add(1n));
    } catch (error) {
      // The only error that leaves it open; after any other it was not added.
      if (isZooKeeperError(error, 'ZK_CONNECTION_LOSS')) this.unknown++;
      throw error;
    }
    await pause(5);
  }
}
