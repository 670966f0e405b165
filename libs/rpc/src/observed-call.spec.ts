import { FlashmeshError, sleep, unavailable } from '@flashmesh/core';
import { SpanKind, SpanStatusCode, trace, withSpan } from '@flashmesh/telemetry';
import { FakeNaming, Inventory, stockOf, TestServers } from './mesh.fixture.ts';
import { closeMeshClients, createMeshClient } from './mesh-client.ts';
import { registerMeshResolver } from './mesh-resolver.ts';
import { type FinishedSpan, recordSpans } from './spans.fixture.ts';

const NAME = 'flashmesh.inventory.v1.InventoryService/GetStock';

describe('spans', () => {
  const servers = new TestServers();

  afterEach(async () => {
    closeMeshClients();
    await servers.stop();
  });

  it('form one trace over two hops, and a refusal is a fault of the caller’s span only', async () => {
    const { spans, telemetry } = recordSpans();
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

  it('are no parents of what naming does for all calls', async () => {
    const { telemetry } = recordSpans();
    const server = await servers.start(() => stockOf('s'));
    const naming = new FakeNaming();
    naming.say('first', server.port);
    const traced: boolean[] = [];
    registerMeshResolver({
      watch(service, listener) {
        traced.push(trace.getActiveSpan() !== undefined);
        return naming.watch(service, listener);
      },
    });
    const client = createMeshClient(Inventory, { target: 'zk:///first' });
    await withSpan('order', {}, () => client.getStock({ sku: 's' }));
    await telemetry.shutdown();
    expect(traced).toEqual([false]);
  });

  it('show each further attempt beneath its call, and metrics what went where', async () => {
    const { spans, telemetry } = recordSpans();
    const bad = await servers.start(() => {
      throw unavailable('REBUILDING', 'not now');
    });
    const good = await servers.start(() => stockOf('s'));
    const naming = new FakeNaming();
    registerMeshResolver(naming);
    naming.say('observed', bad.port, good.port);
    const client = createMeshClient(Inventory, {
      target: 'zk:///observed',
      balancing: { policy: 'round_robin' },
      methods: { getStock: { idempotent: true } },
    });
    for (let i = 0; i < 4; i++) await client.getStock({ sku: 's' });
    const metrics = await telemetry.metrics();
    await telemetry.shutdown();

    const retry = spans.find(({ name }) => name === `${NAME} retry`);
    const call = spans.find((span) => span.spanContext().spanId === retry?.parentSpanContext?.spanId);
    expect(call).toMatchObject({
      name: NAME,
      kind: SpanKind.CLIENT,
      attributes: { 'flashmesh.rpc.attempts': 2, 'flashmesh.instance': `i-${good.port}` },
    });
    expect(retry?.attributes).toMatchObject({
      'flashmesh.rpc.attempt': 2,
      'flashmesh.instance': `i-${good.port}`,
      'rpc.grpc.status_code': 0,
    });
    expect(chainBelow(retry, spans).map(({ kind }) => kind)).toEqual([SpanKind.SERVER]);
    const line = (name: string) => metrics.split('\n').find((line) => line.startsWith(name)) ?? '';
    expect(line('flashmesh_rpc_calls')).toMatch(/zk:\/\/\/observed.* 4$/);
    expect(line('flashmesh_rpc_retries')).toMatch(/ [1-4]$/);
    expect(metrics).toContain(`flashmesh_instance="i-${bad.port}"`);
  });

  it('show a hedge beneath its call, and who won', async () => {
    const { spans, telemetry } = recordSpans();
    const slow = await servers.start((_request, call) => sleep(60_000, call.signal));
    const quick = await servers.start(() => stockOf('s'));
    const naming = new FakeNaming();
    registerMeshResolver(naming);
    naming.say('hedged', slow.port, quick.port);
    const client = createMeshClient(Inventory, {
      target: 'zk:///hedged',
      balancing: { policy: 'round_robin' },
      methods: { getStock: { idempotent: true, hedge: { initialDelayMs: 10 } } },
    });
    for (let i = 0; i < 4; i++) await client.getStock({ sku: 's' });
    await telemetry.shutdown();

    const hedge = spans.find(({ name }) => name === `${NAME} hedge`);
    const call = spans.find((span) => span.spanContext().spanId === hedge?.parentSpanContext?.spanId);
    expect(call).toMatchObject({
      name: NAME,
      attributes: { 'flashmesh.rpc.attempts': 2, 'flashmesh.instance': `i-${quick.port}` },
    });
    expect(hedge?.attributes).toMatchObject({
      'flashmesh.rpc.attempt': 2,
      'flashmesh.instance': `i-${quick.port}`,
    });
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
