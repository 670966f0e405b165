import { LatencyHistogram } from '../balancer/latency-histogram.ts';

const WINDOW_MS = 30_000;
const MIN_SAMPLES = 100;
/** Quantiles are looked up once in so many milliseconds; calls are many more. */
const REFRESH_MS = 100;

/** How long calls of one method take, for deciding when to hedge and when a retry has no chance any more. @internal */
export class MethodLatency {
  private readonly histogram = new LatencyHistogram(WINDOW_MS);
  private readonly cache = new Map<number, { value: number | undefined; atMs: number }>();

  record(latencyMs: number, nowMs: number): void {
    this.histogram.record(latencyMs, nowMs);
  }

  /** `undefined` until enough was measured. */
  quantile(share: number, nowMs: number): number | undefined {
    let cached = this.cache.get(share);
    if (!cached || nowMs - cached.atMs >= REFRESH_MS) {
      const enough = this.histogram.count(nowMs) >= MIN_SAMPLES;
      cached = { value: enough ? this.histogram.quantile(share, nowMs) : undefined, atMs: nowMs };
      this.cache.set(share, cached);
    }
    return cached.value;
  }
}
