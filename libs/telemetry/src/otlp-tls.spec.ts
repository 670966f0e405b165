import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { counter } from './metrics.ts';
import { startTelemetry } from './start-telemetry.ts';
import { withSpan } from './tracing.ts';

const material = join(import.meta.dirname, '../../core/src/testing/tls');
const pem = (name: string) => readFileSync(join(material, `test-only-${name}`));

/** A collector that counts what it is sent; the bytes of an empty message are an answer. */
async function collector() {
  const got = { traces: 0, metrics: 0 };
  const method = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  });
  const server = new Server();
  for (const [signal, service] of [
    ['traces', 'trace.v1.TraceService'],
    ['metrics', 'metrics.v1.MetricsService'],
  ] as const) {
    const path = `/opentelemetry.proto.collector.${service}/Export`;
    server.addService(
      { export: method(path) },
      {
        export: (_call: unknown, answer: (error: null, reply: Buffer) => void) => {
          got[signal]++;
          answer(null, Buffer.alloc(0));
        },
      },
    );
  }
  const tls = ServerCredentials.createSsl(null, [
    { cert_chain: pem('server.crt'), private_key: pem('server.key') },
  ]);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', tls, (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return { got, endpoint: `https://localhost:${port}`, close: () => server.forceShutdown() };
}

describe('startTelemetry with a collector behind TLS', () => {
  it.each([
    { pushed: false, expected: { traces: 1, metrics: 0 } },
    { pushed: true, expected: { traces: 1, metrics: 1 } },
  ])('trusts the given authority; pushes metrics: $pushed', async ({ pushed, expected }) => {
    const { got, endpoint, close } = await collector();
    const telemetry = startTelemetry({
      serviceName: 'test',
      serviceVersion: '1',
      instanceId: 'test-1',
      otlpEndpoint: endpoint,
      otlpMetricsEndpoint: pushed ? endpoint : undefined,
      otlpCa: pem('authority.crt').toString(),
      logger: pino({ level: 'silent' }),
    });
    await withSpan('work', {}, async () => {});
    counter('test.pushed').add(1);
    await telemetry.shutdown();
    close();
    expect(got).toEqual(expected);
  });
});
