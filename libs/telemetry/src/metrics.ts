import {
  type Attributes,
  type BatchObservableCallback,
  type Meter,
  type MetricOptions,
  metrics,
  type Observable,
} from '@opentelemetry/api';

/** Adds up. */
export interface Counter {
  add(value: number, attributes?: Attributes): void;
}

/** Counts values by size. */
export interface Histogram {
  record(value: number, attributes?: Attributes): void;
}

/** A value that is asked for at each export or look; `stop` ends the asking. */
export interface Gauge {
  stop(): void;
}

/** What a gauge reports: one value, or one for each set of attributes. */
export type Observation = number | ReadonlyArray<{ readonly value: number; readonly attributes: Attributes }>;

/** Unit after UCUM (`ms`, `By`, `{order}`), and what is measured. */
export type InstrumentOptions = Pick<MetricOptions, 'unit' | 'description' | 'advice'>;

/**
 * OpenTelemetry's API has no instrument that exists before the provider does, while libraries create theirs when they are
 * loaded. So these forward to the instrument of the meter in use, once there is one, and cost a null check until then.
 */
const bindings = new Set<(meter: Meter | undefined) => void>();
let active: Meter | undefined;

/** @internal Binds every instrument to the registered meter provider, or to nothing when telemetry stops. */
export function bindInstruments(on: boolean): void {
  active = on ? metrics.getMeter('flashmesh') : undefined;
  for (const bind of bindings) bind(active);
}

function track(bind: (meter: Meter | undefined) => void): () => void {
  bindings.add(bind);
  bind(active);
  return () => bindings.delete(bind);
}

/** A counter named as in the conventions, e.g. `flashmesh.cache.requests`. Create it once, where a module is loaded. */
export function counter(name: string, options: InstrumentOptions = {}): Counter {
  let target: Counter | undefined;
  track((meter) => (target = meter?.createCounter(name, options)));
  return { add: (value, attributes) => target?.add(value, attributes) };
}

/** A histogram. Bucket bounds other than the default ones go into `advice.explicitBucketBoundaries`. */
export function histogram(name: string, options: InstrumentOptions = {}): Histogram {
  let target: Histogram | undefined;
  track((meter) => (target = meter?.createHistogram(name, options)));
  return { record: (value, attributes) => target?.record(value, attributes) };
}

/** A gauge that calls `observe` at each export or look (every 10 s or so), so it must be cheap and must not throw. */
export function gauge(name: string, options: InstrumentOptions, observe: () => Observation): Gauge {
  return observed((meter) => meter.createObservableGauge(name, options), observe);
}

/** A counter that is kept elsewhere, in a hot path say: `observe` tells its total, under the same terms as for {@link gauge}. */
export function observedCounter(name: string, options: InstrumentOptions, observe: () => Observation): Gauge {
  return observed((meter) => meter.createObservableCounter(name, options), observe);
}

function observed(create: (meter: Meter) => Observable, observe: () => Observation): Gauge {
  let release: (() => void) | undefined;
  const untrack = track((meter) => {
    release?.();
    release = undefined;
    if (!meter) return;
    const instrument = create(meter);
    const callback: BatchObservableCallback = (result) => {
      const observed = observe();
      if (typeof observed === 'number') return result.observe(instrument, observed);
      for (const { value, attributes } of observed) result.observe(instrument, value, attributes);
    };
    meter.addBatchObservableCallback(callback, [instrument]);
    release = () => meter.removeBatchObservableCallback(callback, [instrument]);
  });
  return {
    stop() {
      release?.();
      release = undefined;
      untrack();
    },
  };
}
