import type { SimulatedClient, Simulation } from '@flashmesh/zookeeper/testing';
import { AtomicCounter } from '../../atomic-counter.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/counter';

/** What is counted is the additions that were answered, and of those without an answer some. */
export class CounterWorkload extends SimulatedWorkload {
  private readonly answers = new Set<bigint>();
  private added = 0;
  private unknown = 0;

  constructor(sim: Simulation) {
    super(sim, 'counter');
  }

  protected async step(client: SimulatedClient): Promise<void> {
    const counter = new AtomicCounter(client.zk, PATH);
    const outcome = await this.attempt(client, async () => {
      const now = await counter.add(1n);
      this.sim.check(!this.answers.has(now), `two additions were answered with ${now}`);
      this.answers.add(now);
    });
    if (outcome === 'done') this.added++;
    if (outcome === 'unknown') this.unknown++;
  }

  check(): void {
    const data = this.sim.ensemble.tree.get(PATH)?.data.toString();
    const counted = Number(data);
    const { added, unknown } = this;
    this.sim.check(added > 0, 'nothing was ever added');
    this.sim.check(
      counted >= added && counted <= added + unknown,
      `the counter shows ${data}; ${added} additions were answered, ${unknown} may have been made`,
    );
  }
}
