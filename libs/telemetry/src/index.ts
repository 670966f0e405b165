export { attr } from './attributes.ts';
export { createLogger, type Logger, type LoggerOptions } from './logger.ts';
export { counter, gauge, histogram, observedCounter } from './metrics.ts';
export type { Counter, Gauge, Histogram, InstrumentOptions, Observation } from './metrics.ts';
export { NestLogger } from './nest-logger.ts';
export { startTelemetry, type Telemetry, type TelemetryOptions } from './start-telemetry.ts';
export { nameScript, traceRedis } from './trace-redis.ts';
export { contextFromTraceparent, traceparentOf, traceparentOfSpan } from './traceparent.ts';
export { recordError, runInSpan, type SpanOptions, startSpan, withSpan } from './tracing.ts';

// OpenTelemetry's own, so that nobody else needs to depend on it.
export { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
export type { Attributes, Context, Link, Span } from '@opentelemetry/api';
