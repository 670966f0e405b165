import { abortError } from '@flashmesh/core';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { Election, type ElectionOptions, type Leadership } from './election.ts';

export interface LeaderLatchOptions extends ElectionOptions {
  /** Called whenever this one becomes leader or stops being it. It must not block. */
  readonly onChange?: (leadership: Leadership | undefined) => void;
}

/**
 * Leadership that is kept until it is given up or lost, for work that asks "am I the leader?" instead of being called
 * ({@link Election}). Who lost it gets in line again.
 */
export class LeaderLatch {
  private readonly election: Election;
  private readonly onChange: (leadership: Leadership | undefined) => void;
  private readonly waiting = new Set<(leadership: Leadership) => void>();
  private readonly closed = new AbortController();
  private current: Leadership | undefined;

  /** @param id names this candidate in its node, e.g. the instance. */
  constructor(
    zk: ZooKeeper,
    path: string,
    id: string,
    { onChange = () => undefined, ...o }: LeaderLatchOptions = {},
  ) {
    this.election = new Election(zk, path, id, o);
    this.onChange = onChange;
  }

  /** Gets in line. */
  start(): void {
    this.election.run((leadership) => this.lead(leadership));
  }

  /** The leadership when this one has it, as far as can be known here: what it is used for checks the token. */
  get leadership(): Leadership | undefined {
    return this.current?.isHeld() ? this.current : undefined;
  }

  /** Resolves when this one leads. @throws the reason of the signal; FlashmeshError `cancelled` when closed. */
  awaitLeadership(signal?: AbortSignal): Promise<Leadership> {
    const { leadership } = this;
    if (leadership) return Promise.resolve(leadership);
    const either = AbortSignal.any([this.closed.signal, ...(signal ? [signal] : [])]);
    return new Promise((resolve, reject) => {
      const settle = (finish: () => void) => {
        this.waiting.delete(won);
        either.removeEventListener('abort', onAbort);
        finish();
      };
      const won = (leadership: Leadership) => settle(() => resolve(leadership));
      const onAbort = () => settle(() => reject(abortError(either)));
      this.waiting.add(won);
      either.addEventListener('abort', onAbort, { once: true });
      if (either.aborted) onAbort();
    });
  }

  /** Ids of the leader and of those in line behind it, in order. */
  participants(): Promise<string[]> {
    return this.election.participants();
  }

  /** Gives up leadership or candidacy; resolves when the node is gone. */
  async close(): Promise<void> {
    this.closed.abort();
    await this.election.stop();
  }

  private async lead(leadership: Leadership): Promise<void> {
    this.current = leadership;
    this.onChange(leadership);
    for (const won of this.waiting) won(leadership);
    await new Promise<void>((resolve) => {
      leadership.signal.addEventListener('abort', () => resolve(), { once: true });
      if (leadership.signal.aborted) resolve();
    });
    this.current = undefined;
    this.onChange(undefined);
  }
}
