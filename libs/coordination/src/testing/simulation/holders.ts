import type { SimulatedClient, Simulation } from '@flashmesh/zookeeper/testing';
import type { Holding } from '../../holding.ts';

/** Somebody who holds something. */
export interface Holder {
  readonly client: SimulatedClient;
  readonly session: bigint;
  readonly czxid: bigint;
  readonly mode: string;
}

/**
 * Who holds what, as the ensemble knows it: whoever comes in is measured against all that are in and whose sessions live. (A client that
 * was cut off may believe a little longer; that is what tokens are for.)
 */
export class Holders {
  private readonly sim: Simulation;
  private readonly name: string;
  private readonly admits: (others: readonly Holder[], newcomer: Holder) => boolean;
  private readonly inside = new Set<Holder>();
  private entered = 0;
  private newest = 0n;

  /** @param admits whether somebody may come in beside the others. */
  constructor(
    sim: Simulation,
    name: string,
    admits: (others: readonly Holder[], newcomer: Holder) => boolean,
  ) {
    this.sim = sim;
    this.name = name;
    this.admits = admits;
  }

  /** How often anybody came in: a run in which nobody did shows nothing. */
  get count(): number {
    return this.entered;
  }

  /**
   * Notes that somebody came in, and that it was right. @param ordered whether tokens must grow from one to the next.
   *
   * @returns what is to be called when it begins to leave.
   */
  enter(
    client: SimulatedClient,
    { token, isHeld }: Pick<Holding, 'token' | 'isHeld'>,
    mode: string,
    ordered = true,
  ): () => void {
    const session = client.zk.sessionId;
    const newcomer = { client, session, czxid: token.czxid, mode };
    const certain = this.isCertain(newcomer, isHeld);
    this.sim.history.add(
      `${client.name} has ${this.name} (${mode}) by 0x${token.czxid.toString(16)}${certain ? '' : ', too late'}`,
    );
    // Who learns of it only after a sleep finds that it is not certain; that an operator killed its session, it cannot know.
    if (!certain || !this.lives(newcomer)) return () => undefined;
    this.entered++;
    const others = [...this.inside].filter((each) => this.lives(each));
    this.sim.check(
      this.admits(others, newcomer),
      `${client.name} has ${this.name} (${mode}) beside ${others.map((each) => `${each.client.name} (${each.mode})`).join(', ')}`,
    );
    if (ordered) {
      this.sim.check(
        token.czxid > this.newest,
        `${this.name}: the token of ${client.name} is older than one before`,
      );
    }
    if (token.czxid > this.newest) this.newest = token.czxid;
    this.inside.add(newcomer);
    return () => {
      const still = this.isCertain(newcomer, isHeld);
      this.sim.history.add(`${client.name} leaves ${this.name}${still ? '' : ', lost'}`);
      this.inside.delete(newcomer);
    };
  }

  /** What the holder believes; it must not when the ensemble has let its session expire. */
  private isCertain({ client, session }: Holder, isHeld: () => boolean): boolean {
    const certain = isHeld();
    const expired = this.sim.ensemble.sessions.get(session)?.end === 'expired';
    this.sim.check(!certain || !expired, `${client.name} believes in ${this.name} after its session`);
    return certain;
  }

  private lives({ session }: Holder): boolean {
    return this.sim.ensemble.sessions.get(session)?.end === undefined;
  }
}
