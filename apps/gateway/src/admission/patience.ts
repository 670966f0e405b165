import { type Clock, FlashmeshError, requirePositiveInteger, sleep } from '@flashmesh/core';

/** For how long, and by which time; what changes here holds for requests that come then. */
export interface PatienceOptions {
  /** From the first attempt to the last, in milliseconds. */
  readonly budgetMs: number;
  readonly clock: Clock;
  /** A request was refused unread: what is behind has too much to do. */
  readonly onTurnedAway?: () => void;
  /** Uniform in [0, 1). @default Math.random */
  readonly random?: () => number;
}

/** Whoever waits for the answer; emits `close` when nobody does any more. */
export interface Waiter {
  once(event: 'close', listener: () => void): unknown;
  off(event: 'close', listener: () => void): unknown;
}

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 500;

/**
 * Waits with the buyer while what is behind restarts, fails over or has too much to do, instead of sending away with a 503 or a 429
 * who has stood in line and then asks again at once. Only for requests that are the same when repeated. What waits is bounded
 * by the waiting room, and every one of them asks at most every half second, so this adds no more load than the room has places.
 */
export class Patience {
  private readonly options: PatienceOptions;
  private readonly random: () => number;

  /** @throws RangeError when the budget is not a positive integer. */
  constructor(options: PatienceOptions) {
    requirePositiveInteger('budgetMs', options.budgetMs);
    this.options = options;
    this.random = options.random ?? Math.random;
  }

  /**
   * Tries until there is an answer, the time is up or `waiter` is gone. None is `unavailable` or `deadline_exceeded`, after which
   * nobody knows the effect of the attempt, nor that the request was refused unread (`OVERLOADED`). Throws what the last
   * attempt threw; but if it was refused unread and an attempt before failed otherwise, what that one threw: the order may
   * be there.
   */
  async run<T>(attempt: () => Promise<T>, waiter?: Waiter): Promise<T> {
    const { clock, budgetMs, onTurnedAway } = this.options;
    const deadline = clock.monotonic() + budgetMs;
    let uncertain: unknown;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
      try {
        return await attempt();
      } catch (thrown) {
        const unread = isUnread(thrown);
        if (unread) onTurnedAway?.();
        else if (isUncertain(thrown)) uncertain = thrown;
        else throw thrown;
        // Half to all of the pause: those who failed together shall not come back together.
        const waitMs = pauseMs * (0.5 + this.random() / 2);
        const inTime = clock.monotonic() + waitMs < deadline;
        if (!inTime || !(await this.stillThere(waitMs, waiter)))
          throw unread ? (uncertain ?? thrown) : thrown;
      }
    }
  }

  /** Waits; false as soon as the waiter is gone. */
  private async stillThere(ms: number, waiter: Waiter | undefined): Promise<boolean> {
    const gone = new AbortController();
    const leave = () => gone.abort();
    waiter?.once('close', leave);
    try {
      await sleep(ms, gone.signal, this.options.clock);
      return true;
    } catch {
      return false;
    } finally {
      waiter?.off('close', leave);
    }
  }
}

function isUncertain(error: unknown): boolean {
  return (
    error instanceof FlashmeshError && (error.kind === 'unavailable' || error.kind === 'deadline_exceeded')
  );
}

function isUnread(error: unknown): boolean {
  return error instanceof FlashmeshError && error.code === 'OVERLOADED';
}
