/** How the parts of a simulated ensemble know each other. */
import type { Clock, Timer } from '@flashmesh/core';
import type { Change, DataTree, Moment } from './data-tree.ts';
import type { Link } from './link.ts';
import type { Prng } from './prng.ts';
import type { Outcome, Write } from './proposal.ts';
import type { ServerWatches } from './server-watches.ts';

/** What was committed: what all servers do, one after the other. */
export interface Transaction extends Moment {
  readonly session: bigint;
  readonly changes: readonly Change[];
  /** The session that is over with it. */
  readonly closes?: bigint;
}

/** What a request of a client ended as. */
export interface Committed {
  readonly zxid: bigint;
  readonly outcomes: readonly Outcome[];
  readonly refused: boolean;
}

/** A client's connection, as the others see it. */
export interface ClientConnection {
  readonly server: Member;
  readonly link: Link;
  readonly watches: ServerWatches;
  readonly session: LeaderSession | undefined;
  /** The reply to the next write is lost, after that was applied. */
  losesNextReply: boolean;
  /** Lets it go. */
  end(): void;
}

/** A session as the leader keeps it. */
export interface LeaderSession {
  readonly id: bigint;
  readonly password: Buffer;
  readonly timeoutMs: number;
  /** When any server last heard of the client. */
  heardAt: number;
  /** Through which the client speaks; requests from elsewhere are refused. */
  connection: ClientConnection | undefined;
  /** How it ended. */
  end: 'expired' | 'killed' | 'closed' | undefined;
  timer: Timer | undefined;
}

/** What servers ask of the whole. */
export interface Leader {
  readonly clock: Clock;
  readonly random: Prng;
  readonly record: (text: string) => void;
  readonly sessions: ReadonlyMap<bigint, LeaderSession>;
  /** The transaction that was committed last. */
  readonly zxid: bigint;
  readonly hasLeader: boolean;
  /** Called before a request is looked at, and when a write was applied and its reply is about to leave. May break things. */
  readonly interfere: (connection: ClientConnection, moment: 'asked' | 'applied') => void;
  /** Decides the writes when the quorum has them; an election may drop them. */
  propose(
    session: LeaderSession,
    connection: ClientConnection,
    writes: readonly Write[],
    done: (result: Committed | 'expired' | 'moved') => void,
  ): void;
  openSession(timeoutMs: number, connection: ClientConnection, done: (session: LeaderSession) => void): void;
  /** Ends it as its client asks. */
  closeSession(session: LeaderSession): void;
}

/** A server, as its connections see it. */
export interface Member {
  readonly ensemble: Leader;
  readonly name: string;
  readonly tree: DataTree;
  /** The last transaction that it has. */
  readonly applied: bigint;
  /** Calls back when it has the transaction. */
  whenApplied(zxid: bigint, tell: () => void): void;
  /** The connection is gone. */
  forget(connection: ClientConnection): void;
}
