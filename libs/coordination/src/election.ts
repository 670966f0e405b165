import { sleep } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { isZooKeeperError, joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import type { Holding } from './holding.ts';
import { participantsOf } from './lock.ts';
import { awaitTurn } from './turn.ts';

/** What a leader works with. It ends when its work does, so it is not released by hand. */
export type Leadership = Omit<Holding, 'release'>;

export interface ElectionOptions {
  /** Told of errors of the leader's work. */
  readonly logger?: Logger;
}

/** Pause after an error, so that a leader that cannot work does not spin. */
const ERROR_PAUSE_MS = 1000;

/** One leader among all that run for the same path; when it goes, the next in line leads. */
export class Election {
  private readonly zk: ZooKeeper;
  private readonly path: string;
  private readonly id: string;
  private readonly logger: Logger | undefined;
  private readonly stopped = new AbortController();
  private turn: Holding | undefined;
  private running: Promise<void> | undefined;

  /** @param id names this candidate in its node, e.g. the instance. */
  constructor(zk: ZooKeeper, path: string, id: string, o: ElectionOptions = {}) {
    this.zk = zk;
    this.path = path;
    this.id = id;
    this.logger = o.logger;
  }

  /** Whether this one leads, as far as can be known here: a store must check the token all the same. */
  get isLeader(): boolean {
    return this.turn?.isHeld() ?? false;
  }

  /**
   * Runs for leadership until {@link Election.stop}. `lead` is called with every leadership won, one at a time; the leadership
   * ends when it returns, and the candidate gets in line again. It must return soon after its signal aborted.
   */
  run(lead: (leadership: Leadership) => Promise<void>): void {
    this.running ??= this.loop(lead);
  }

  /** Gives up leadership or candidacy; resolves when `lead` has returned and the node is gone. It cannot run again. */
  async stop(): Promise<void> {
    this.stopped.abort();
    const leaving = this.turn?.release();
    await this.running;
    await leaving;
  }

  /** Ids of the leader and of those in line behind it, in order. */
  async participants(): Promise<string[]> {
    const names = await participantsOf(this.zk, this.path);
    const seen = await Promise.all(
      names.map((name) => this.zk.get(joinPath(this.path, name)).catch(() => undefined)),
    );
    return seen.flatMap((node) => (node ? [node.data.toString()] : []));
  }

  private async loop(lead: (leadership: Leadership) => Promise<void>): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        await this.term(lead, signal);
      } catch (error) {
        if (signal.aborted) return;
        // A closed client will never lead again.
        if (isZooKeeperError(error, 'ZK_CLOSED')) {
          return this.logger?.debug('the election ended with its client');
        }
        this.logger?.error({ err: error, election: this.path }, 'leading failed');
        await sleep(ERROR_PAUSE_MS, signal, this.zk.clock).catch(() => undefined);
      }
    }
  }

  private async term(lead: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const turn = await awaitTurn(this.zk, { path: this.path, prefix: 'latch-', data: this.id }, signal);
    if (!turn) return;
    this.turn = turn;
    try {
      if (!signal.aborted) await lead(turn);
    } catch (error) {
      // Work that stops because it was told to is no fault.
      if (!turn.signal.aborted) throw error;
    } finally {
      this.turn = undefined;
      await turn.release();
    }
  }
}
