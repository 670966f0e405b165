import { sleep } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { isZooKeeperError, type ZooKeeper } from '@flashmesh/zookeeper';
import { awaitTurn, type Turn } from './turn.ts';

/** What a leader works with. */
export interface Leadership {
  /** The fencing token: higher for every later leader. Stores check it. */
  readonly token: bigint;
  /** Aborts at once when the leadership is not certain any more: stop working then. */
  readonly signal: AbortSignal;
}

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
  private turn: Turn | undefined;
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
    return this.turn !== undefined && !this.turn.signal.aborted;
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
    const leaving = this.turn?.leave();
    await this.running;
    await leaving;
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
        await sleep(ERROR_PAUSE_MS, signal).catch(() => undefined);
      }
    }
  }

  private async term(lead: (leadership: Leadership) => Promise<void>, signal: AbortSignal): Promise<void> {
    const turn = await awaitTurn(this.zk, { path: this.path, prefix: 'latch-', data: this.id }, signal);
    this.turn = turn;
    try {
      if (!signal.aborted) await lead({ token: turn.token, signal: turn.signal });
    } catch (error) {
      // Work that stops because it was told to is no fault.
      if (!turn.signal.aborted) throw error;
    } finally {
      this.turn = undefined;
      await turn.leave();
    }
  }
}
