import { requirePositiveInteger } from './options.ts';

/** Runs at most `limit` tasks at once; the rest wait in order of arrival. */
export class Limiter {
  private active = 0;
  private readonly waiting: (() => void)[] = [];
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
    return this.waiting.length;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.active >= this.limit) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.active++;
    try {
      return await task();
    } finally {
      // The place goes straight to the next in line, so that nobody can slip in between.
      const next = this.waiting.shift();
      if (next) next();
      else this.active--;
    }
  }
}
