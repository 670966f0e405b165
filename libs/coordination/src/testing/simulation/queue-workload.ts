import { holdsInTime, type SimulatedClient, type Simulation } from '@flashmesh/zookeeper/testing';
import { Queue } from '../../queue.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/queue';

/** No item is lost, none is worked on by two at a time, and none again once it was worked off. */
export class QueueWorkload extends SimulatedWorkload {
  private readonly put = new Set<string>();
  private readonly worked = new Set<string>();
  /** The session that works on it. */
  private readonly inWork = new Map<string, bigint>();
  private readonly consumers: Promise<void>[] = [];
  private readonly over = new AbortController();
  private count = 0;

  constructor(sim: Simulation) {
    super(sim, 'queue');
  }

  override async run(client: SimulatedClient, untilMs: number): Promise<void> {
    const queue = new Queue(client.zk, PATH);
    this.consumers.push(queue.consume((data) => this.work(client, data.toString()), this.over.signal));
    await super.run(client, untilMs);
  }

  protected async step(client: SimulatedClient): Promise<void> {
    const item = `item-${this.count++}`;
    const outcome = await this.attempt(client, () => new Queue(client.zk, PATH).put(item), ['ZK_NO_NODE']);
    if (outcome === 'done') this.put.add(item);
  }

  async check(): Promise<void> {
    const left = () => this.sim.ensemble.tree.get(`${PATH}/items`)?.children.size ?? 0;
    const limitMs = this.sim.sessionTimeoutMs * 4 + 20_000;
    await holdsInTime(
      this.sim,
      'the queue is empty',
      () => left() === 0,
      limitMs,
      () => `${left()} are left`,
    );
    this.over.abort();
    await Promise.all(this.consumers);
    await this.checkEmpty(`${PATH}/claims`);
    await this.checkEmpty(`${PATH}/puts`);
    this.checkPutOnce();
    this.sim.check(this.put.size > 0, 'nothing was ever put');
    for (const item of this.put) this.sim.check(this.worked.has(item), `${item} was lost`);
  }

  private checkPutOnce(): void {
    const seen = new Set<string>();
    for (const change of this.sim.ensemble.log.flatMap(({ changes }) => changes)) {
      if (change.type !== 'create' || !change.path.startsWith(`${PATH}/items/`)) continue;
      const item = change.data.toString();
      this.sim.check(!seen.has(item), `${item} was put twice`);
      seen.add(item);
    }
  }

  private async work(client: SimulatedClient, item: string): Promise<void> {
    const lives = (session: bigint) => this.sim.ensemble.sessions.get(session)?.end === undefined;
    const other = this.inWork.get(item);
    const session = client.zk.sessionId;
    // One whose session is over may not know it yet.
    const beside = other !== undefined && lives(other) && lives(session);
    this.sim.check(!beside, `${client.name} works on ${item} beside another`);
    this.inWork.set(item, session);
    this.sim.history.add(`${client.name} works on ${item}`);
    try {
      await this.pause(client, 1, 60);
      if (this.random.chance(0.05)) throw new Error('the work failed');
      this.worked.add(item);
    } finally {
      if (this.inWork.get(item) === session) this.inWork.delete(item);
    }
  }
}
