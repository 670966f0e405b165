import { requirePositiveInteger } from '@flashmesh/core';

/** How many may be in, and how many may wait to get in. */
export interface WaitingRoomOptions {
  readonly maxActive: number;
  readonly maxWaiting: number;
}

/** A place, or a place in the line. */
export interface Place {
  /** Gives the place up, or leaves the line. Once. */
  leave(): void;
}

/**
 * Admission in order of arrival: some are in, some more wait, and whoever comes beyond that is refused at once. So what is
 * behind is never asked more at a time than it can answer soon, a burst is evened out, and the wait is bounded.
 */
export class WaitingRoom {
  private readonly options: WaitingRoomOptions;
  private readonly line = new Set<() => void>();
  private active = 0;

  /** @throws RangeError when a limit is not a positive integer. */
  constructor(options: WaitingRoomOptions) {
    requirePositiveInteger('maxActive', options.maxActive);
    requirePositiveInteger('maxWaiting', options.maxWaiting);
    this.options = options;
  }

  /** How many are in. */
  get running(): number {
    return this.active;
  }

  /** How many wait. */
  get waiting(): number {
    return this.line.size;
  }

  /** Calls `admitted` now or when it is its turn; `undefined` when even the line is full. */
  enter(admitted: () => void): Place | undefined {
    if (this.active < this.options.maxActive) {
      this.active++;
      admitted();
      return { leave: () => this.next() };
    }
    if (this.line.size >= this.options.maxWaiting) return undefined;
    let inside = false;
    const turn = () => {
      inside = true;
      admitted();
    };
    this.line.add(turn);
    return {
      leave: () => {
        if (inside) this.next();
        else this.line.delete(turn);
      },
    };
  }

  /** The place goes straight to the first in line. */
  private next(): void {
    const [turn] = this.line;
    if (!turn) {
      this.active--;
      return;
    }
    this.line.delete(turn);
    turn();
  }
}
