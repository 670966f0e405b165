import { messageOf, requireInRange, within } from '@flashmesh/core';
import { context, diag, DiagLogLevel, logs, metrics, propagation, trace } from '@opentelemetry/api';
import { setGlobalErrorHandler, W3CTraceContextPropagator } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { PeriodicExportingMetricReader, type PushMetricExporter } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  AlwaysOffSampler,
  BatchSpanProcessor,
  NoopSpanProcessor,
  ParentBasedSampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace';
import { createLogger, type Logger } from './logger.ts';
import { bindInstruments } from './metrics.ts';
import { metricExporter, traceExporter } from './otlp-exporter.ts';
import { PrometheusReader } from './prometheus-reader.ts';
import { renewTracer } from './tracing.ts';

/** Who reports, and to whom. */
export interface TelemetryOptions {
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** Unique among the service's instances, e.g. `inventory-1`. */
  readonly instanceId: string;
  /** OTLP/gRPC collector of traces, e.g. `http://127.0.0.1:4317`; https for TLS. Absent: no span is recorded. */
  readonly otlpEndpoint?: string;
  /** OTLP/gRPC collector that metrics are pushed to. Absent: they wait for {@link Telemetry.metrics}. */
  readonly otlpMetricsEndpoint?: string;
  /** PEM certificates of the authorities to trust where an endpoint is https. @default those that come with Node */
  readonly otlpCa?: string;
  /** Share of the traces begun here that is recorded, 0 to 1; a trace begun elsewhere keeps its caller's choice. @default 1 */
  readonly sampleRatio?: number;
  /** Where to say that the collector is out of reach. @default a JSON logger on standard output */
  readonly logger?: Logger;
  /** Takes finished spans in place of the collector: for tests. */
  readonly spanExporter?: SpanExporter;
}

/** Telemetry at work. */
export interface Telemetry {
  /** All metrics as they are now, in Prometheus's text format. @throws after `shutdown` */
  metrics(): Promise<string>;
  /** Sends what is left, waiting 2 s at most, and lets go of everything. Never throws; the second call does nothing. */
  shutdown(): Promise<void>;
}

/** Spans beyond this wait nowhere: they are dropped, so that a slow collector costs at most about 8 MB. */
const MAX_QUEUED_SPANS = 4096;
/** Encoding a batch blocks the event loop for a few milliseconds: no larger. */
const MAX_BATCH_SPANS = 512;
const SPAN_DELAY_MS = 1000;
const METRIC_INTERVAL_MS = 10_000;
const EXPORT_TIMEOUT_MS = 6000;
const SHUTDOWN_TIMEOUT_MS = 2000;
const DIAGNOSTICS_EVERY_MS = 60_000;

/**
 * Registers OpenTelemetry for this process: W3C propagation; spans in batches over OTLP/gRPC; metrics for whoever asks, and every
 * 10 s over OTLP/gRPC. Call it once, before the first span; after `shutdown` it may be called again.
 *
 * Without an endpoint spans record nothing and cost about a microsecond, but they still have ids and hand on their caller's
 * trace, so log lines of one request carry one `trace_id` either way. The service never waits for the collector: spans that
 * it does not take are dropped, and the log says so once.
 *
 * @throws RangeError for a sample ratio outside 0 to 1; TypeError for an endpoint that is not an http or https URL
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  const ratio = requireInRange('sampleRatio', options.sampleRatio ?? 1, 0, 1);
  const { serviceName, serviceVersion, instanceId, otlpEndpoint, otlpMetricsEndpoint, otlpCa } = options;
  const logger = options.logger ?? createLogger({ service: serviceName, instance: instanceId });
  const collector = (endpoint: string) => ({ endpoint, ca: otlpCa, logger });
  const exporter =
    options.spanExporter ?? (otlpEndpoint ? traceExporter(collector(otlpEndpoint)) : undefined);
  const pulled = new PrometheusReader();
  const pushed = otlpMetricsEndpoint ? [metricReader(metricExporter(collector(otlpMetricsEndpoint)))] : [];

  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource: resourceFromAttributes({
      'service.namespace': 'flashmesh',
      'service.name': serviceName,
      'service.version': serviceVersion,
      'service.instance.id': instanceId,
    }),
    textMapPropagator: new W3CTraceContextPropagator(),
    sampler: exporter
      ? new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
      : new AlwaysOffSampler(),
    spanProcessors: [exporter ? batches(exporter) : new NoopSpanProcessor()],
    metricReaders: [pulled, ...pushed],
    logRecordProcessors: [],
  });
  reportDiagnostics(logger);
  sdk.start();
  renewTracer();
  bindInstruments(true);

  let stopped: Promise<void> | undefined;
  const stop = async () => {
    try {
      await within(sdk.shutdown(), SHUTDOWN_TIMEOUT_MS, 'sending the last spans');
    } catch (error) {
      logger.debug({ reason: messageOf(error) }, 'the last spans were not sent');
    }
    bindInstruments(false);
    for (const api of [trace, metrics, logs, propagation, context, diag]) api.disable();
    renewTracer();
  };
  return { metrics: () => pulled.text(), shutdown: () => (stopped ??= stop()) };
}

function batches(exporter: SpanExporter): BatchSpanProcessor {
  return new BatchSpanProcessor({
    exporter,
    maxQueueSize: MAX_QUEUED_SPANS,
    maxExportBatchSize: MAX_BATCH_SPANS,
    scheduledDelayMillis: SPAN_DELAY_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  });
}

function metricReader(exporter: PushMetricExporter): PeriodicExportingMetricReader {
  return new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: METRIC_INTERVAL_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
  });
}

/** What the SDK says of itself (spans dropped from a full queue, a failing gauge): at most one line a minute. */
function reportDiagnostics(logger: Logger): void {
  let quietUntil = 0;
  const warn = (message: string) => {
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + DIAGNOSTICS_EVERY_MS;
    logger.warn(`telemetry: ${message}`);
  };
  const ignore = () => {};
  diag.setLogger(
    { error: warn, warn, info: ignore, debug: ignore, verbose: ignore },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  // Every batch that was not sent arrives here; the connection has already said once that it is down.
  setGlobalErrorHandler(ignore);
}
