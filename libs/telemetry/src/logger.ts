import { isSpanContextValid, trace } from '@opentelemetry/api';
import { type DestinationStream, type Logger, pino } from 'pino';
import { prettyLine } from './pretty-line.ts';

/** The logger that is passed around: pino's. */
export type { Logger };

/** Whose log it is, and how it looks. */
export interface LoggerOptions {
  readonly service: string;
  readonly instance: string;
  /** trace, debug, info, warn, error, fatal or silent. @default 'info' */
  readonly level?: string;
  /** Lines for people instead of JSON. @default false */
  readonly pretty?: boolean;
  /** What each line says besides, asked for whenever one is written; what the line itself says wins. @default nothing */
  readonly fields?: () => object;
  /** Where the lines go. @default standard output */
  readonly destination?: DestinationStream;
}

/**
 * A logger that writes one line an entry: JSON with `time` (ISO 8601), `level`, `service`, `instance`, `msg`, and, inside a
 * span, its `trace_id` and `span_id`. An error goes under the key `err`.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { service, instance, level = 'info', pretty = false, fields, destination } = options;
  const settings = {
    level,
    base: { service, instance },
    mixin: fields ? () => ({ ...fields(), ...traceIds() }) : traceIds,
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  };
  if (pretty) return pino(settings, prettyDestination(destination ?? process.stdout));
  return destination ? pino(settings, destination) : pino(settings);
}

function prettyDestination(target: DestinationStream): DestinationStream {
  const colour = process.env['NO_COLOR'] === undefined && (target as { isTTY?: boolean }).isTTY === true;
  return { write: (line) => target.write(prettyLine(line, colour)) };
}

function traceIds(): object {
  const span = trace.getActiveSpan()?.spanContext();
  return span && isSpanContextValid(span) ? { trace_id: span.traceId, span_id: span.spanId } : {};
}
