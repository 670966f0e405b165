import { startTelemetry, type TelemetryOptions } from '@flashmesh/telemetry';

type Exporter = NonNullable<TelemetryOptions['spanExporter']>;
export type FinishedSpan = Parameters<Exporter['export']>[0][number];

/** Telemetry whose finished spans can be looked at. */
export function recordSpans() {
  const spans: FinishedSpan[] = [];
  const telemetry = startTelemetry({
    serviceName: 'test',
    serviceVersion: '1',
    instanceId: 'test-1',
    spanExporter: {
      export(finished, done) {
        spans.push(...finished);
        // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- success, of an SDK that rpc does not depend on
        done({ code: 0 });
      },
      shutdown: () => Promise.resolve(),
    },
  });
  return { spans, telemetry };
}
