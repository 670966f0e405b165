import { FlashmeshError } from '@flashmesh/core';
import { isZooKeeperError, joinPath, type ZooKeeper, type ZooKeeperErrorCode } from '@flashmesh/zookeeper';
import { tooLate, type WaitOptions, withDeadline } from './deadline.ts';
import { guaranteedDelete, whileInReach } from './guaranteed-delete.ts';
import { untilChildren, untilGone, untilThere } from './wait-for.ts';

const TIMEOUT = 'BARRIER_TIMEOUT';

/** How a recipe was told to wait. */
interface Waiting {
  readonly signal: AbortSignal | undefined;
  /** Or look once. */
  readonly wait: boolean;
}

/** A barrier that somebody sets and somebody lifts; whoever comes meanwhile waits. */
export class Barrier {
  private readonly zk: ZooKeeper;
  private readonly path: string;

  constructor(zk: ZooKeeper, path: string) {
    this.zk = zk;
    this.path = path;
  }

  /** Sets it; does nothing when it is set. */
  async set(): Promise<void> {
    await this.zk.mkdirp(this.path);
  }

  /** Lifts it for all who wait; does nothing when it is lifted. */
  async lift(): Promise<void> {
    await this.zk.delete(this.path).catch(unless('ZK_NO_NODE'));
  }

  /** Resolves while it is not set. @throws FlashmeshError `deadline_exceeded` (`BARRIER_TIMEOUT`); the reason of the signal. */
  async wait(o: WaitOptions = {}): Promise<void> {
    const what = `${this.path} was not lifted`;
    await withDeadline(this.zk.clock, o, TIMEOUT, what, (signal, wait) =>
      untilSo(this.zk, { signal, wait }, async () => {
        if (!(await this.zk.exists(this.path, { signal }))) return true;
        if (wait) await untilGone(this.zk, this.path, signal);
        return false;
      }),
    );
  }
}

export interface DoubleBarrierOptions {
  /**
   * Whether the barrier's node is somebody else's to make and to remove: whoever comes when it was removed is refused, where it would
   * be made again and stay behind. @default false
   */
  readonly mustExist?: boolean;
}

/** The own nodes that each client is taking out, by their paths. */
const departures = new WeakMap<ZooKeeper, Map<string, Promise<void>>>();

/** The node that says that all are in. It is never counted as a member. */
const READY = 'ready';

/**
 * So many members begin together and end together: none passes `enter` before all have entered, none passes `leave` before all have
 * left. Every wait ends by looking, never by an event (Curator's let members through early on a spurious one, GH-1290).
 *
 * That all were in stays written until the last has left. Where none did, because all crashed, the next round at the same path would
 * begin with the first who comes: where that may happen, give each round a path of its own.
 */
export class DoubleBarrier {
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private readonly members: number | readonly string[];
  private readonly id: string;
  private readonly mustExist: boolean;

  /**
   * @param id of this member, another for each: whoever comes with the id of somebody inside takes their place.
   * @param members how many there are, or who: more may enter, and none of those waits. `Infinity` leaves it to the others to say
   *   that all are in.
   */
  constructor(
    zk: ZooKeeper,
    path: string,
    id: string,
    members: number | readonly string[],
    o: DoubleBarrierOptions = {},
  ) {
    this.zk = zk;
    this.path = path;
    this.id = id;
    this.members = members;
    this.mustExist = o.mustExist ?? false;
  }

  private get own(): string {
    return joinPath(this.path, this.id);
  }

  private get ready(): string {
    return joinPath(this.path, READY);
  }

  /**
   * Resolves when all members have entered.
   *
   * @throws FlashmeshError `deadline_exceeded` (`BARRIER_TIMEOUT`) or the reason of the signal: this member has left then, or leaves as
   *   soon as a server can be reached; `aborted` (`BARRIER_GONE`) with `mustExist`.
   */
  async enter(o: WaitOptions = {}): Promise<void> {
    const what = `not all entered ${this.path}`;
    await withDeadline(this.zk.clock, o, TIMEOUT, what, async (signal, wait) => {
      try {
        // Or the node that is placed now would go in place of the one before.
        await whileInReach(this.zk, this.departed(), signal);
        const waiting = { signal, wait };
        if (await untilSo(this.zk, waiting, () => this.allIn(waiting))) return true;
        throw tooLate(TIMEOUT, what, 0);
      } catch (error) {
        // What led here matters more to the caller than a failure to clean up, which only a missing permission can cause.
        const gone = this.depart().catch(() => undefined);
        // Whom a read-only server refuses need not wait for one that takes writes.
        if (!isZooKeeperError(error, 'ZK_NOT_READ_ONLY')) await whileInReach(this.zk, gone, signal);
        throw error;
      }
    });
  }

  /** Resolves when all members have left. @throws as {@link DoubleBarrier.enter}. */
  async leave(o: WaitOptions = {}): Promise<void> {
    const what = `not all left ${this.path}`;
    await withDeadline(this.zk.clock, o, TIMEOUT, what, async (signal, wait) => {
      await whileInReach(this.zk, this.depart(), signal);
      return untilSo(this.zk, { signal, wait }, () => this.allOut({ signal, wait }));
    });
  }

  private async allIn({ signal, wait }: Waiting): Promise<boolean> {
    try {
      await this.placeOwn(signal);
      if (await this.zk.exists(this.ready, { signal })) return true;
      if (this.isFull(await this.zk.children(this.path, { signal }))) {
        await this.zk.create(this.ready, '', { signal }).catch(unless('ZK_NODE_EXISTS'));
        return true;
      }
      if (!wait) return false;
      if (typeof this.members === 'number') await untilThere(this.zk, this.ready, signal);
      else await untilChildren(this.zk, this.path, (names) => this.isFull(names), signal);
    } catch (error) {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      if (this.mustExist) throw gone(this.path, error);
    }
    return false;
  }

  /** Whoever counts members is woken by the last of them; whoever knows them by name looks at each that comes. */
  private isFull(names: readonly string[]): boolean {
    if (names.includes(READY)) return true;
    if (typeof this.members === 'number') return names.length >= this.members;
    return this.members.every((member) => names.includes(member));
  }

  private async allOut({ signal, wait }: Waiting): Promise<boolean> {
    const [someone] = (await this.inside(signal)).sort();
    if (someone === undefined) {
      await this.zk.delete(this.ready, undefined, { signal }).catch(unless('ZK_NO_NODE'));
      return true;
    }
    if (wait) await untilGone(this.zk, joinPath(this.path, someone), signal);
    return false;
  }

  /** The own node dies with its session: it is looked after whenever something happens. */
  private async placeOwn(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      try {
        await this.zk.create(this.own, '', { mode: 'ephemeral', signal });
        return;
      } catch (error) {
        if (isZooKeeperError(error, 'ZK_NO_NODE') && !this.mustExist) {
          await this.zk.mkdirp(this.path, { signal });
        } else if (!isZooKeeperError(error, 'ZK_NODE_EXISTS')) throw error;
        else if (await this.isOwn(signal)) return;
      }
    }
  }

  /** Whether the node is this session's. One of an earlier session is taken away: it would go later, and nobody would miss it. */
  private async isOwn(signal: AbortSignal | undefined): Promise<boolean> {
    const stat = await this.zk.exists(this.own, { signal });
    if (stat?.ephemeralOwner === this.zk.sessionId) return true;
    if (stat) {
      await this.zk.delete(this.own, stat.version, { signal }).catch(unless('ZK_NO_NODE', 'ZK_BAD_VERSION'));
    }
    return false;
  }

  /** Nobody is in a barrier that was removed. */
  private async inside(signal: AbortSignal | undefined): Promise<string[]> {
    const names = await this.zk.children(this.path, { signal }).catch((error: unknown) => {
      if (!isZooKeeperError(error, 'ZK_NO_NODE')) throw error;
      return [];
    });
    return names.filter((name) => name !== READY);
  }

  /** Takes the own node out, if there is one; joins in where that is under way. */
  private depart(): Promise<void> {
    const { zk, own } = this;
    // Without a session there is no node, or one that goes with its session.
    if (zk.sessionId === 0n) return Promise.resolve();
    const all = departures.get(zk) ?? new Map<string, Promise<void>>();
    departures.set(zk, all);
    const gone = all.get(own) ?? guaranteedDelete(zk, own, zk.sessionId).finally(() => all.delete(own));
    all.set(own, gone);
    return gone;
  }

  /** Resolves when nobody takes the own node out any more. */
  private async departed(): Promise<void> {
    await departures
      .get(this.zk)
      ?.get(this.own)
      ?.catch(() => undefined);
  }
}

/** Looks until it is so, or once: `undefined` when it was not. What a lost connection interrupts is tried again. */
async function untilSo(
  zk: ZooKeeper,
  { signal, wait }: Waiting,
  look: () => Promise<boolean>,
): Promise<true | undefined> {
  for (;;) {
    try {
      if (await look()) return true;
      if (!wait) return undefined;
    } catch (error) {
      if (signal?.aborted || !isZooKeeperError(error, 'ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED'))
        throw error;
    }
    await zk.connected(signal);
  }
}

function gone(path: string, cause: unknown): FlashmeshError {
  return new FlashmeshError('aborted', 'BARRIER_GONE', `${path} was removed`, { cause });
}

function unless(...codes: ZooKeeperErrorCode[]): (error: unknown) => void {
  return (error) => {
    if (!isZooKeeperError(error, ...codes)) throw error;
  };
}
