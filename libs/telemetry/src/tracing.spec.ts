import { FlashmeshError } from '@flashmesh/core';
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace';
import { pino } from 'pino';
import { startTelemetry, type TelemetryOptions } from './start-telemetry.ts';
import { contextFromTraceparent, traceparentOf } from './traceparent.ts';
import { runInSpan, startSpan, withSpan } from './tracing.ts';

/** Runs `work` and gives back the spans that it finished. */
async function spansOf(work: () => Promise<unknown>, options: Partial<TelemetryOptions> = {}) {
  const exporter = new InMemorySpanExporter();
  const keep = exporter.shutdown.bind(exporter);
  exporter.shutdown = async () => {};
  const telemetry = startTelemetry({
    serviceName: 'test',
    serviceVersion: '1',
    instanceId: 'test-1',
    spanExporter: exporter,
    logger: pino({ level: 'silent' }),
    ...options,
  });
  try {
    await work();
  } finally {
    await telemetry.shutdown();
  }
  const spans = [...exporter.getFinishedSpans()];
  await keep();
  return spans;
}

describe('withSpan', () => {
  it('nests by what is active, across awaits, and ends in order', async () => {
    const spans = await spansOf(() =>
      withSpan('outer', { kind: SpanKind.SERVER, attributes: { a: 1 } }, async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        await withSpan('inner', {}, async () => {});
      }),
    );
    const [inner, outer] = spans;
    expect(spans.map(({ name }) => name)).toEqual(['inner', 'outer']);
    expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId);
    expect(outer).toMatchObject({ kind: SpanKind.SERVER, attributes: { a: 1 } });
    expect(outer?.resource.attributes).toMatchObject({
      'service.name': 'test',
      'service.instance.id': 'test-1',
    });
  });

  it('keeps concurrent work apart', async () => {
    const spans = await spansOf(() =>
      Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          withSpan(`outer ${n}`, {}, async () => {
            await new Promise((resolve) => setTimeout(resolve, n % 3));
            await withSpan(`inner ${n}`, {}, async () => {});
          }),
        ),
      ),
    );
    for (const inner of spans.filter(({ name }) => name.startsWith('inner'))) {
      const outer = spans.find((span) => span.spanContext().spanId === inner.parentSpanContext?.spanId);
      expect(outer?.name).toBe(inner.name.replace('inner', 'outer'));
    }
  });

  it('continues a remote trace, also from inside another span', async () => {
    const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const [remote] = await spansOf(() =>
      withSpan('local', {}, () =>
        withSpan('remote', { parent: contextFromTraceparent(header) }, async () => {}),
      ),
    );
    expect(remote?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(remote?.spanContext().traceId).toBe('0af7651916cd43dd8448eb211c80319c');
  });

  it('records what is thrown, and throws it on', async () => {
    const refused = new FlashmeshError('failed_precondition', 'SOLD_OUT', 'sold out');
    const [known, bug] = await spansOf(async () => {
      await expect(withSpan('known', {}, () => Promise.reject(refused))).rejects.toBe(refused);
      await expect(
        withSpan('bug', {}, () => {
          throw new TypeError('x is not a function');
        }),
      ).rejects.toThrow(TypeError);
    });
    expect(known).toMatchObject({
      status: { code: SpanStatusCode.ERROR, message: 'sold out' },
      attributes: { 'error.type': 'SOLD_OUT' },
      events: [],
    });
    expect(bug?.attributes['error.type']).toBe('TypeError');
    expect(bug?.events[0]?.name).toBe('exception');
  });
});

describe('startSpan and runInSpan', () => {
  it('leave the ending to the caller', async () => {
    const spans = await spansOf(async () => {
      const span = startSpan('by hand', {});
      expect(runInSpan(span, () => trace.getActiveSpan())).toBe(span);
      expect(trace.getActiveSpan()).toBeUndefined();
      expect(span.isRecording()).toBe(true);
      span.end();
    });
    expect(spans).toHaveLength(1);
  });
});

describe('sampling', () => {
  it('records a share of the traces begun here, and keeps the choice of a caller', async () => {
    const none = await spansOf(() => withSpan('here', {}, async () => {}), { sampleRatio: 0 });
    expect(none).toEqual([]);
    const parent = contextFromTraceparent('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    const chosen = await spansOf(() => withSpan('there', { parent }, async () => {}), { sampleRatio: 0 });
    expect(chosen).toHaveLength(1);
    await expect(spansOf(async () => {}, { sampleRatio: 2 })).rejects.toThrow(RangeError);
  });

  it('without a collector records nothing, but gives ids and hands on the trace', async () => {
    const options = { serviceName: 'test', serviceVersion: '1', instanceId: 'test-1' };
    const telemetry = startTelemetry(options);
    const header = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    await withSpan('own', {}, async (span) => {
      expect(span.isRecording()).toBe(false);
      expect(traceparentOf()).toMatch(/^00-[\da-f]{32}-[\da-f]{16}-00$/);
      await withSpan('inner', {}, async (inner) => {
        expect(inner.spanContext().traceId).toBe(span.spanContext().traceId);
      });
    });
    await withSpan('handed on', { parent: contextFromTraceparent(header) }, async () => {
      expect(traceparentOf()).toContain('0af7651916cd43dd8448eb211c80319c');
    });
    await telemetry.shutdown();
    await telemetry.shutdown();
  });
});
