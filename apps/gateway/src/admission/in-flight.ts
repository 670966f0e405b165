import { FlashmeshError, requirePositiveInteger } from '@flashmesh/core';

/** Asked of a refused caller: by then a good part of what is under way has been answered. */
const RETRY_AFTER_MS = 1000;

/**
 * Admission at the edge: so many requests under way, and the next one is refused at once instead of waiting in a queue that
 * nobody sees. What is under way keeps its latency, and a refused caller knows when to come back.
 */
export class InFlight {
  private active = 0;
  private readonly limit: number;

  /** @throws RangeError when `limit` is not a positive integer. */
  constructor(limit: number) {
    this.limit = requirePositiveInteger('limit', limit);
  }

  /** Requests under way. */
  get running(): number {
    return this.active;
  }

  /** @throws FlashmeshError `resource_exhausted` (`TOO_MANY_REQUESTS`) when the limit is reached; else what the task gives. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.active >= this.limit) {
      throw new FlashmeshError(
        'resource_exhausted',
        'TOO_MANY_REQUESTS',
        'too many orders are under way, come back in a moment',
        { retryAfterMs: RETRY_AFTER_MS },
      );
    }
    this.active++;
    try {
      return await task();
    } finally {
      this.active--;
    }
  }
}
