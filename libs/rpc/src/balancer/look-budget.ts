/** Calls of the client in which one look falls due. */
const CALLS = 200;
/** Looks that are saved up at most. */
const SAVED = 8;

/**
 * Looks at an endpoint that loses every draw. One falls due in a time, and in 200 calls, so that an endpoint that stays slow is
 * seen by no more than half a percent of them. Those saved up in better times let one that stood still for a moment, as for a
 * garbage collection, prove within a second that it is well again.
 */
export class LookBudget {
  private readonly everyMs: number;
  private byTime = SAVED;
  private byCalls = SAVED;
  private pick = 0;
  private stampMs = 0;

  /** @param everyMs the time in which one look falls due. */
  constructor(everyMs: number) {
    this.everyMs = everyMs;
  }

  /** Takes a look, if there is one. @param pick the client's own count of calls. */
  take(pick: number, nowMs: number): boolean {
    this.byTime = Math.min(this.byTime + (nowMs - this.stampMs) / this.everyMs, SAVED);
    this.byCalls = Math.min(this.byCalls + (pick - this.pick) / CALLS, SAVED);
    this.stampMs = nowMs;
    this.pick = pick;
    if (this.byTime < 1 || this.byCalls < 1) return false;
    this.byTime--;
    this.byCalls--;
    return true;
  }
}
