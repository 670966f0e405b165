import { requirePositiveInteger } from './options.ts';

/** Runs at most `limit` tasks at once; the rest wait in order of arrival. */
export class Limiter {
  private active = 0;
  /** A set keeps order and gives up its first in constant time, however long the line is; an array does not. */
  private readonly waiting = new Set<() => void>();
  private readonly limit: number;

  /** @throws RangeError when `limit` is not a positive integer. */
  constructor(limit: number) {
    this.limit = requirePositiveInteger('limit', limit);
  }

  /** Tasks that run now. */
  get running(): number {
    return this.active;
  }

  /** Tasks that wait. */
  get queued(): number {
    return this.waiting.size;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.active >= this.limit) await new Promise<void>((resolve) => this.waiting.add(resolve));
    else this.active++;
    try {
      return await task();
    } finally {
      // The place goes straight to the next in line, so that nobody can slip in between.
      const [next] = this.waiting;
      if (next) {
        this.waiting.delete(next);
        next();
      } else this.active--;
    }
  }
}
