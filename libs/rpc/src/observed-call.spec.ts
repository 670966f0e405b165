import { FlashmeshError } from '@flashmesh/core';
import {
  SpanKind,
  SpanStatusCode,
  startTelemetry,
  type TelemetryOptions,
  withSpan,
} from '@flashmesh/telemetry';
import { Inventory, stockOf, TestServers } from './mesh.fixture.ts';
import { closeMeshClients, createMeshClient } from './mesh-client.ts';

type Exporter = NonNullable<TelemetryOptions['spanExporter']>;
type FinishedSpan = Parameters<Exporter['export']>[0][number];

const NAME = 'flashmesh.inventory.v1.InventoryService/GetStock';

describe('spans', () => {
  const servers = new TestServers();

  afterEach(async () => {
    closeMeshClients();
    await servers.stop();
  });

  it('form one trace over two hops, and a refusal is a fault of the caller’s span only', async () => {
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
    const back = await servers.start(({ sku }) => {
      if (sku === 'bad') throw new FlashmeshError('not_found', 'NO_STOCK', 'never had stock');
      return stockOf(sku);
    });
    const onward = createMeshClient(Inventory, { target: `127.0.0.1:${back.port}` });
    const front = await servers.start(({ sku }) => onward.getStock({ sku }));
    const client = createMeshClient(Inventory, { target: `127.0.0.1:${front.port}` });
    await withSpan('order', {}, () => client.getStock({ sku: 'good' }));
    await client.getStock({ sku: 'bad' }).catch(() => undefined);
    await telemetry.shutdown();

    const order = spans.find((span) => span.name === 'order');
    const chain = chainBelow(order, spans);
    expect(chain.map(({ name, kind }) => [name, kind])).toEqual([
      [NAME, SpanKind.CLIENT],
      [NAME, SpanKind.SERVER],
      [NAME, SpanKind.CLIENT],
      [NAME, SpanKind.SERVER],
    ]);
    expect(chain[1]?.attributes).toEqual({
      'rpc.system': 'grpc',
      'rpc.service': 'flashmesh.inventory.v1.InventoryService',
      'rpc.method': 'GetStock',
      'rpc.grpc.status_code': 0,
    });
    const refused = spans.filter((span) => span.attributes['rpc.grpc.status_code'] === 5);
    expect(refused).toHaveLength(4);
    for (const span of refused) {
      const fault = span.kind === SpanKind.CLIENT ? SpanStatusCode.ERROR : SpanStatusCode.UNSET;
      expect(span.status.code).toBe(fault);
    }
  });
});

/** The child of `root`, its child, and so on; every span has one at most. */
function chainBelow(root: FinishedSpan | undefined, spans: readonly FinishedSpan[]): FinishedSpan[] {
  const chain: FinishedSpan[] = [];
  for (let span = root; span;) {
    const { spanId, traceId } = span.spanContext();
    span = spans.find(
      (other) => other.parentSpanContext?.spanId === spanId && other.spanContext().traceId === traceId,
    );
    if (span) chain.push(span);
  }
  return chain;
}
