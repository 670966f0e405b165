import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import type { Logger } from './logger.ts';

/** What the SDK's exporters have in common: code 0 is success. */
interface Exporter<T> {
  export(items: T, report: (result: { code: number; error?: Error }) => void): void;
}

/** How long the collector may take for one batch, in milliseconds, tries included. */
const EXPORT_TIMEOUT_MS = 5000;

/**
 * OpenTelemetry's OTLP/gRPC exporters for one collector. A collector that is down costs its batches and two log lines: one
 * when it begins and one when it ends.
 */
export class OtlpExporters {
  private readonly endpoint: string;
  private readonly logger: Logger;
  private reachable = true;

  /** @throws TypeError when the endpoint is not an http or https URL */
  constructor(endpoint: string, logger: Logger) {
    if (!/^https?:\/\/[^/]/.test(endpoint) || !URL.canParse(endpoint)) {
      throw new TypeError(`otlpEndpoint must be an http or https URL, got ${endpoint}`);
    }
    this.endpoint = endpoint;
    this.logger = logger;
  }

  traces(): OTLPTraceExporter {
    return this.watched(new OTLPTraceExporter(this.options()));
  }

  metrics(): OTLPMetricExporter {
    return this.watched(new OTLPMetricExporter(this.options()));
  }

  private options(): { url: string; timeoutMillis: number } {
    return { url: this.endpoint, timeoutMillis: EXPORT_TIMEOUT_MS };
  }

  private watched<T, E extends Exporter<T>>(exporter: E): E {
    const send = exporter.export.bind(exporter);
    exporter.export = (items, report) =>
      send(items, (result) => {
        this.note(result.code === 0, result.error);
        report(result);
      });
    return exporter;
  }

  private note(reachable: boolean, error?: Error): void {
    if (reachable === this.reachable) return;
    this.reachable = reachable;
    if (reachable) this.logger.info({ endpoint: this.endpoint }, 'the collector answers again');
    else {
      this.logger.warn(
        { endpoint: this.endpoint, reason: error?.message },
        'the collector does not take traces and metrics: they are dropped until it does',
      );
    }
  }
}
