import type { Simulation } from '@flashmesh/zookeeper/testing';
import { type FencingToken, isStale } from '../../fencing-token.ts';

/** A store outside the ensemble that is reached after any delay, and refuses whom a later holder has overtaken. */
export class FencedStore {
  private readonly sim: Simulation;
  private newest: FencingToken | undefined;
  private last = 0n;

  constructor(sim: Simulation) {
    this.sim = sim;
  }

  /** Writes, when it arrives. Answers whether it was taken. */
  write(token: FencingToken): boolean {
    if (this.newest && isStale(token, this.newest)) return false;
    this.newest = token;
    // Not by the comparison that is tested.
    this.sim.check(token.czxid >= this.last, 'the store took a write of a holder that was overtaken');
    if (token.czxid > this.last) this.last = token.czxid;
    return true;
  }
}
