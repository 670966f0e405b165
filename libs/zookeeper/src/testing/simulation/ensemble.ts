import type { Clock } from '@flashmesh/core';
import { DataTree, type Moment } from './data-tree.ts';
import type { ClientConnection, Committed, Leader, LeaderSession, Transaction } from './model.ts';
import type { Prng } from './prng.ts';
import { prepare, type Write } from './proposal.ts';
import { SimulatedServer } from './server.ts';

interface Proposal {
  readonly decide: () => void;
}

/** An expiry is noticed at the leader's next tick. */
const TICK_MS = 100;

/**
 * An ensemble in this process: one order of writes, sessions that expire by the simulated time, and servers that learn of what was
 * committed each at its own pace. Elections drop all connections and decide writes that were under way either way.
 */
export class Ensemble implements Leader {
  readonly servers: readonly SimulatedServer[];
  /** All that was committed. */
  readonly log: Transaction[] = [];
  readonly sessions = new Map<bigint, LeaderSession>();
  /** As the last transaction left it. */
  tree = new DataTree();
  /** Called after every commit. */
  onCommit: (transaction: Transaction) => void = () => undefined;
  /** Called when a session ends by itself: its client must know by then. */
  onExpired: (session: LeaderSession) => void = () => undefined;
  /** Called before a request is looked at, and when a write was applied and its reply is about to leave. May break things. */
  interfere: (connection: ClientConnection, moment: 'asked' | 'applied') => void = () => undefined;
  readonly clock: Clock;
  readonly random: Prng;
  readonly record: (text: string) => void;
  private readonly proposals = new Set<Proposal>();
  private epoch = 1n;
  private counter = 0n;
  private nextSession = 0x100n;
  private electing = false;

  constructor(o: { clock: Clock; random: Prng; record: (text: string) => void; servers: number }) {
    this.clock = o.clock;
    this.random = o.random;
    this.record = o.record;
    this.servers = Array.from(
      { length: o.servers },
      (_, index) => new SimulatedServer(this, `zk${index + 1}`),
    );
  }

  /** The transaction that was committed last. */
  get zxid(): bigint {
    return this.log.at(-1)?.zxid ?? 0n;
  }

  get hasLeader(): boolean {
    return !this.electing;
  }

  /** Decides the writes when the quorum has them; an election may drop them. */
  propose(
    session: LeaderSession,
    connection: ClientConnection,
    writes: readonly Write[],
    done: (result: Committed | 'expired' | 'moved') => void,
  ): void {
    this.later(() => {
      if (session.end) return done('expired');
      if (session.connection !== connection) return done('moved');
      const moment = this.nextMoment();
      const { tree, changes, outcomes, refused } = prepare(this.tree, writes, session.id, moment);
      // A refusal is a transaction, too: it has a place in the order.
      this.commit({ ...moment, session: session.id, changes }, tree);
      done({ zxid: moment.zxid, outcomes, refused });
    });
  }

  openSession(timeoutMs: number, connection: ClientConnection, done: (session: LeaderSession) => void): void {
    this.later(() => {
      const id = this.nextSession++;
      const password = Buffer.alloc(16);
      password.writeBigUInt64BE(id);
      const heardAt = this.clock.monotonic();
      const session: LeaderSession = {
        id,
        password,
        timeoutMs,
        heardAt,
        connection,
        end: undefined,
        timer: undefined,
      };
      this.sessions.set(id, session);
      this.watchOver(session);
      this.record(`session ${id} opens`);
      this.commit({ ...this.nextMoment(), session: id, changes: [] }, this.tree);
      done(session);
    });
  }

  /** Ends it as its client asks. */
  closeSession(session: LeaderSession): void {
    this.later(() => this.endSession(session, 'closed'));
  }

  /** Ends it, as an operator might: its client cannot know. */
  kill(session: LeaderSession): void {
    this.endSession(session, 'killed');
  }

  /** All connections drop, and for a while there is no leader. */
  elect(durationMs: number): void {
    this.record(`election for ${durationMs.toFixed()} ms`);
    this.electing = true;
    const underWay = [...this.proposals];
    for (const proposal of underWay) {
      this.proposals.delete(proposal);
      if (this.random.chance(0.5)) proposal.decide();
    }
    for (const server of this.servers) server.dropConnections();
    this.clock.after(durationMs, () => {
      this.electing = false;
      this.epoch += 1n;
      this.counter = 0n;
      // The new leader gives every session its full time.
      for (const session of this.sessions.values()) session.heardAt = this.clock.monotonic();
    });
  }

  private later(decide: () => void): void {
    const proposal = { decide };
    this.proposals.add(proposal);
    this.clock.after(this.random.between(0.1, 3), () => {
      if (this.proposals.delete(proposal)) decide();
    });
  }

  private nextMoment(): Moment {
    this.counter += 1n;
    return { zxid: (this.epoch << 32n) | this.counter, at: Math.floor(this.clock.now()) };
  }

  private commit(transaction: Transaction, tree: DataTree): void {
    this.tree = tree;
    this.log.push(transaction);
    const what = transaction.changes.map(({ type, path }) => `${type} ${path}`).join(', ');
    if (what) this.record(`0x${transaction.zxid.toString(16)} of session ${transaction.session}: ${what}`);
    for (const server of this.servers) server.learn(transaction);
    this.onCommit(transaction);
  }

  private watchOver(session: LeaderSession): void {
    const due = session.heardAt + session.timeoutMs + this.random.between(0, TICK_MS);
    session.timer = this.clock.after(Math.max(due - this.clock.monotonic(), TICK_MS / 10), () => {
      const quiet = this.clock.monotonic() - session.heardAt;
      if (quiet < session.timeoutMs || this.electing) return this.watchOver(session);
      this.endSession(session, 'expired');
      this.onExpired(session);
    });
  }

  private endSession(session: LeaderSession, end: NonNullable<LeaderSession['end']>): void {
    if (session.end) return;
    session.end = end;
    session.timer?.cancel();
    this.record(`session ${session.id} is ${end}`);
    const tree = this.tree.copy();
    const moment = this.nextMoment();
    const changes = tree.ephemeralsOf(session.id).map((path) => ({ type: 'delete', path }) as const);
    for (const change of changes) tree.apply(change, moment);
    this.commit({ ...moment, session: session.id, changes, closes: session.id }, tree);
  }
}
