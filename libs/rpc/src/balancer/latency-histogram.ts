/** Buckets grow by a fifth each, from 0.1 ms on: 96 of them reach beyond an hour, and a quantile is at most 20 % off. */
const BUCKETS = 96;
const SMALLEST_MS = 0.1;
const LOG_GROWTH = Math.log(1.2);

/** Latencies of the last one to two windows, for quantiles. Recording costs a logarithm. */
export class LatencyHistogram {
  private readonly windowMs: number;
  private current = new Uint32Array(BUCKETS);
  private previous = new Uint32Array(BUCKETS);
  private currentCount = 0;
  private previousCount = 0;
  private rotatedMs = -Infinity;

  constructor(windowMs: number) {
    this.windowMs = windowMs;
  }

  record(latencyMs: number, nowMs: number): void {
    this.rotate(nowMs);
    const index = Math.ceil(Math.log(Math.max(latencyMs, SMALLEST_MS) / SMALLEST_MS) / LOG_GROWTH);
    const bucket = Math.min(index, BUCKETS - 1);
    this.current[bucket] = (this.current[bucket] as number) + 1;
    this.currentCount++;
  }

  count(nowMs: number): number {
    this.rotate(nowMs);
    return this.currentCount + this.previousCount;
  }

  /** The latency in milliseconds that a share of `share` (0 to 1) stayed within; `undefined` when there are no samples. */
  quantile(share: number, nowMs: number): number | undefined {
    const count = this.count(nowMs);
    if (count === 0) return undefined;
    let left = share * count;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= (this.current[bucket] as number) + (this.previous[bucket] as number);
      if (left <= 0) return SMALLEST_MS * Math.exp(bucket * LOG_GROWTH);
    }
    return SMALLEST_MS * Math.exp((BUCKETS - 1) * LOG_GROWTH);
  }

  private rotate(nowMs: number): void {
    if (this.rotatedMs === -Infinity) this.rotatedMs = nowMs;
    const elapsedMs = nowMs - this.rotatedMs;
    if (elapsedMs < this.windowMs) return;
    const spent = this.previous;
    spent.fill(0);
    if (elapsedMs < 2 * this.windowMs) {
      this.previous = this.current;
      this.previousCount = this.currentCount;
    } else {
      this.previous = this.current.fill(0);
      this.previousCount = 0;
    }
    this.current = spent;
    this.currentCount = 0;
    this.rotatedMs = nowMs;
  }
}
