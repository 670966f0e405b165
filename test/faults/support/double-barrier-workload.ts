import { DoubleBarrier } from '@flashmesh/coordination';
import { FlashmeshError } from '@flashmesh/core';
import { joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { Workload } from './workload.ts';

/** A member whose session was lost after it was in may be waited for in vain. */
const PATIENCE_MS = 4000;

/** All clients go through one barrier after the other: none is in before all have come. */
export class DoubleBarrierWorkload extends Workload {
  readonly name = 'DoubleBarrier';
  private readonly entering = new Map<number, Set<string>>();
  private readonly violations: string[] = [];
  private latest = 1;
  private passed = 0;

  start(): Promise<void> {
    for (const [index, zk] of this.ground.clients.entries()) {
      let round = 0;
      this.repeat(async () => {
        // Whoever lost its patience meets the others where the first of them are.
        round = Math.max(round + 1, this.latest);
        this.latest = round;
        await this.pass(zk, `client-${index}`, round);
      });
    }
    return Promise.resolve();
  }

  async verify(): Promise<void> {
    expect(this.violations).toEqual([]);
    expect(this.passed).toBeGreaterThan(0);
    const { direct, path } = this.ground;
    const left = await Promise.all(
      (await direct.children(path)).map((round) => direct.children(joinPath(path, round))),
    );
    expect(left.flat().filter((name) => name !== 'ready')).toEqual([]);
  }

  private async pass(zk: ZooKeeper, id: string, round: number): Promise<void> {
    const members = this.ground.clients.length;
    const barrier = new DoubleBarrier(zk, joinPath(this.ground.path, String(round)), id, members);
    const entering = this.entering.get(round) ?? new Set();
    this.entering.set(round, entering.add(id));
    const patience = { timeoutMs: PATIENCE_MS, signal: this.ending };
    try {
      await barrier.enter(patience);
      this.passed++;
      if (entering.size < members) this.violations.push(`${id} was in round ${round} with ${entering.size}`);
      await barrier.leave(patience);
    } catch (error) {
      if (!(error instanceof FlashmeshError) || error.code !== 'BARRIER_TIMEOUT') throw error;
    }
  }
}
