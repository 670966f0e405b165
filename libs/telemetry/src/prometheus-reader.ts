import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { MetricReader } from '@opentelemetry/sdk-metrics';

/** Metrics for those who come and ask, in Prometheus's text format (`text/plain; version=0.0.4`). */
export class PrometheusReader extends MetricReader {
  private readonly serializer = new PrometheusSerializer();

  /** All metrics as they are now; counters and histograms count from the start of the process. */
  async text(): Promise<string> {
    const { resourceMetrics } = await this.collect();
    return this.serializer.serialize(resourceMetrics);
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}
