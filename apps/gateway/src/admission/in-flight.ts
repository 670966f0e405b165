import { requirePositiveInteger } from '@flashmesh/core';

/** Counts what is under way, up to a limit. */
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

  /** Takes a place; false when none is left. Whoever got one gives it back with {@link leave}, once. */
  enter(): boolean {
    if (this.active >= this.limit) return false;
    this.active++;
    return true;
  }

  leave(): void {
    this.active--;
  }
}
