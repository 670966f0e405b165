import { credentials } from '@grpc/grpc-js';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import type { Logger } from './logger.ts';

/** What the SDK's exporters have in common: code 0 is success. */
interface Exporter<T> {
  export(items: T, report: (result: { code: number; error?: Error }) => void): void;
}

/** How to reach a collector. */
export interface Collector {
  /** `http://host:port`, or `https:` for TLS. */
  readonly endpoint: string;
  /** PEM certificates of the authorities to trust with TLS. @default those that come with Node */
  readonly ca?: string;
  /** Where to say that it is out of reach. */
  readonly logger: Logger;
}

/** How long the collector may take for one batch, in milliseconds, tries included. */
const EXPORT_TIMEOUT_MS = 5000;

/**
 * OpenTelemetry's OTLP/gRPC exporter of spans. A collector that is down costs its batches and two log lines: one when it begins
 * and one when it ends.
 *
 * @throws TypeError when the endpoint is not an http or https URL
 */
export function traceExporter(collector: Collector): OTLPTraceExporter {
  return watched(new OTLPTraceExporter(optionsOf(collector)), 'traces', collector);
}

/** The same for metrics. */
export function metricExporter(collector: Collector): OTLPMetricExporter {
  return watched(new OTLPMetricExporter(optionsOf(collector)), 'metrics', collector);
}

function optionsOf({ endpoint, ca }: Collector) {
  if (!/^https?:\/\/[^/]/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new TypeError(`the OTLP endpoint must be an http or https URL, got ${endpoint}`);
  }
  const trust = ca !== undefined && endpoint.startsWith('https:');
  return {
    url: endpoint,
    timeoutMillis: EXPORT_TIMEOUT_MS,
    credentials: trust ? credentials.createSsl(Buffer.from(ca)) : undefined,
  };
}

function watched<T, E extends Exporter<T>>(exporter: E, what: string, { endpoint, logger }: Collector): E {
  const send = exporter.export.bind(exporter);
  let reachable = true;
  exporter.export = (items, report) =>
    send(items, (result) => {
      const before = reachable;
      reachable = result.code === 0;
      if (reachable && !before) logger.info({ endpoint }, `the collector takes ${what} again`);
      if (!reachable && before) {
        logger.warn(
          { endpoint, reason: result.error?.message },
          `the collector does not take ${what}: they are dropped until it does`,
        );
      }
      report(result);
    });
  return exporter;
}
