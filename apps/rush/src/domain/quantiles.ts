/** A few figures of a distribution; undefined where nothing was measured. */
export interface Quantiles {
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly max: number | undefined;
}

/** Nearest-rank quantiles, rounded to a tenth. The values are sorted in place when they are a Float64Array. */
export function quantilesOf(values: readonly number[] | Float64Array): Quantiles {
  const sorted = (values instanceof Float64Array ? values : Float64Array.from(values)).sort();
  const at = (share: number): number | undefined => {
    const value = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
    return value === undefined ? undefined : Math.round(value * 10) / 10;
  };
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}
