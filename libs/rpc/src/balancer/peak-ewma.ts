/** The share of the past that is still felt after `elapsedMs`. */
function remaining(elapsedMs: number, decayMs: number): number {
  return Math.exp(-elapsedMs / decayMs);
}

/** Where samples are rarer than this, a single one is most of what is known. */
const SPARSE_MS = 100;
/** What remains of the past after a sample below it, at most: where samples are rare, and where they are not. */
const KEPT_SPARSE = 0.25;
const KEPT = 0.99;

/**
 * Latency as Finagle's P2C sees it: a sample above the average replaces it at once, one below pulls it down slowly, and without
 * samples it decays, so that an endpoint that was slow is tried again some day. Unlike Finagle's, it also goes by the number of
 * samples: by time alone, one pause of 200 ms would keep a server that answers in 2 ms out of the draw for half a minute.
 */
export class PeakEwma {
  private readonly decayMs: number;
  private cost = 0;
  private stampMs = -Infinity;

  constructor(decayMs: number) {
    this.decayMs = decayMs;
  }

  /** Whether anything was measured yet. */
  get measured(): boolean {
    return this.stampMs !== -Infinity;
  }

  /** What a call is expected to take, in milliseconds. */
  value(nowMs: number): number {
    if (!this.measured) return 0;
    return this.cost * remaining(nowMs - this.stampMs, this.decayMs);
  }

  observe(sampleMs: number, nowMs: number): void {
    if (!this.measured) this.cost = sampleMs;
    else {
      const pauseMs = nowMs - this.stampMs;
      const past = remaining(pauseMs, this.decayMs);
      const decayed = this.cost * past;
      // A sample above replaces: trouble is believed at once, good news has to last.
      if (sampleMs > decayed) this.cost = sampleMs;
      else {
        const kept = Math.min(past, pauseMs > SPARSE_MS ? KEPT_SPARSE : KEPT);
        this.cost = this.cost * kept + sampleMs * (1 - kept);
      }
    }
    this.stampMs = nowMs;
  }

  /** A call that ended early, or did not end yet, took at least this long. */
  observeAtLeast(lowerBoundMs: number, nowMs: number): void {
    if (lowerBoundMs > this.value(nowMs)) this.observe(lowerBoundMs, nowMs);
  }
}

/** No single sample weighs more than this, or one failure after a quiet hour would be all that is known... */
const MAX_SAMPLE_WEIGHT = 0.2;
/** ...nor less, or a burst within one millisecond would weigh nothing. */
const MIN_SAMPLE_WEIGHT = 0.01;

/** The recent share of failures, 0 to 1; decays towards 0 while nothing happens. */
export class FailureShare {
  private readonly decayMs: number;
  private share = 0;
  private stampMs = 0;

  constructor(decayMs: number) {
    this.decayMs = decayMs;
  }

  value(nowMs: number): number {
    return this.share === 0 ? 0 : this.share * remaining(nowMs - this.stampMs, this.decayMs);
  }

  observe(failed: boolean, nowMs: number): void {
    if (!failed && this.share === 0) {
      this.stampMs = nowMs;
      return;
    }
    const byTime = 1 - remaining(nowMs - this.stampMs, this.decayMs);
    const weight = Math.min(Math.max(byTime, MIN_SAMPLE_WEIGHT), MAX_SAMPLE_WEIGHT);
    this.share = this.share * (1 - weight) + (failed ? weight : 0);
    this.stampMs = nowMs;
  }
}
