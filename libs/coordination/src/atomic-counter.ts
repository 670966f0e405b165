import type { ZooKeeper } from '@flashmesh/zookeeper';
import { SharedValue } from './shared-value.ts';

/** A whole number of any size that all clients of a path add to: the sum of all additions that were answered. */
export class AtomicCounter {
  private readonly value: SharedValue;

  constructor(zk: ZooKeeper, path: string, initial = 0n) {
    this.value = new SharedValue(zk, path, String(initial));
  }

  async get(): Promise<bigint> {
    return BigInt((await this.value.get()).data.toString());
  }

  /**
   * Adds, and answers what it is then.
   *
   * @throws ZooKeeperError `ZK_CONNECTION_LOSS`: nobody knows whether it was added.
   */
  async add(delta: bigint): Promise<bigint> {
    const { data } = await this.value.update((before) => String(BigInt(before.toString()) + delta));
    return BigInt(data.toString());
  }

  /** Replaces it if it is `expected`; answers whether it was. */
  async compareAndSet(expected: bigint, wanted: bigint): Promise<boolean> {
    const { data, version } = await this.value.get();
    if (BigInt(data.toString()) !== expected) return false;
    return (await this.value.trySet(version, String(wanted))) !== undefined;
  }
}
