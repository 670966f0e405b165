import type { SimulatedClient, Simulation } from '@flashmesh/zookeeper/testing';
import { DoubleBarrier } from '../../barrier.ts';
import { SimulatedWorkload } from './workload.ts';

const PATH = '/barrier';
const PATIENCE_MS = 3000;

/** Who has come to one round, and the sessions it came with. */
interface Round {
  readonly entering: Set<string>;
  readonly inside: Set<string>;
  readonly leaving: Set<string>;
  readonly sessions: Set<bigint>;
}

/** Round after round, each at a node of its own: none is in before all have come, none out before all that are in were to leave. */
export class DoubleBarrierWorkload extends SimulatedWorkload {
  private readonly rounds = new Map<number, Round>();
  private passed = 0;
  /** The latest that anybody has begun; none begins after it when the time is up. */
  private latest = 0;

  constructor(sim: Simulation) {
    super(sim, 'double barrier');
  }

  override async run(client: SimulatedClient, untilMs: number): Promise<void> {
    for (let round = 1; this.sim.clock.monotonic() < untilMs || round <= this.latest; round++) {
      this.latest = Math.max(this.latest, round);
      await this.attempt(client, () => this.pass(client, round), ['BARRIER_TIMEOUT']);
      await this.pause(client, 1, 50);
    }
  }

  protected step(): Promise<void> {
    return Promise.resolve();
  }

  async check(): Promise<void> {
    for (const round of this.rounds.keys()) {
      // What says that all are in goes with the last who leaves, if it has the patience.
      await this.checkEmpty(`${PATH}/${round}`, ['ready']);
    }
    this.sim.check(this.passed > 0, 'nobody ever passed the barrier');
  }

  private async pass({ zk, name }: SimulatedClient, number: number): Promise<void> {
    const round = this.rounds.get(number) ?? {
      entering: new Set(),
      inside: new Set(),
      leaving: new Set(),
      sessions: new Set(),
    };
    this.rounds.set(number, round);
    const members = this.sim.clients.length;
    const barrier = new DoubleBarrier(zk, `${PATH}/${number}`, name, members);
    round.entering.add(name);
    round.sessions.add(zk.sessionId);
    await barrier.enter({ timeoutMs: PATIENCE_MS });
    this.passed++;
    round.inside.add(name);
    this.sim.check(round.entering.size === members, `${name} entered round ${number} before all had come`);
    round.sessions.add(zk.sessionId);
    round.leaving.add(name);
    await barrier.leave({ timeoutMs: PATIENCE_MS });
    // Whose session is over, or whose patience is before it was in, has left without having been to.
    const allLive = [...round.sessions].every((id) => this.sim.ensemble.sessions.get(id)?.end === undefined);
    this.sim.check(
      !allLive || [...round.inside].every((each) => round.leaving.has(each)),
      `${name} left round ${number} before all in it were to leave`,
    );
  }
}
