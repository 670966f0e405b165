import {
  contextFromTraceparent,
  startTelemetry,
  type Telemetry,
  trace,
  traceparentOf,
  withSpan,
} from '@flashmesh/telemetry';
import type { IncomingEvent } from './envelope.ts';
import { contextOf, startSend, traceProcessing } from './tracing.ts';

const traceId = (n: number) => `${n}`.padStart(32, '0');
const event = (n: number): IncomingEvent<string> => ({
  topic: 't',
  partition: 0,
  offset: n,
  key: 'k',
  id: `${n}`,
  type: 'x',
  source: '/s',
  time: 0,
  data: '',
  traceparent: `00-${traceId(n)}-b7ad6b7169203331-01`,
  headers: {},
});

type Exporter = NonNullable<Parameters<typeof startTelemetry>[0]['spanExporter']>;
type Finished = Parameters<Exporter['export']>[0][number];

describe('tracing', () => {
  const finished: Finished[] = [];
  const spanExporter: Exporter = {
    export: (spans, done) => {
      finished.push(...spans);
      // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the enum is not exported to here; 0 is success
      done({ code: 0 });
    },
    shutdown: () => Promise.resolve(),
  };
  let telemetry: Telemetry;
  beforeAll(() => {
    telemetry = startTelemetry({
      serviceName: 'spec',
      serviceVersion: '0',
      instanceId: 'spec',
      spanExporter,
    });
  });

  it("runs a handler in its event's trace, so that what it publishes carries it on", async () => {
    let within: string | undefined;
    let sent: string | undefined;
    await traceProcessing([event(1)], async () => {
      await Promise.resolve();
      within = traceparentOf();
      const span = startSend({ topic: 't2', partition: 0, id: 'x' });
      sent = span.traceparent;
      span.end();
    });
    expect(within?.split('-')[1]).toBe(traceId(1));
    expect(sent?.split('-')[1]).toBe(traceId(1));
    // Each hop has its own span.
    expect(new Set([within, sent, event(1).traceparent]).size).toBe(3);
  });

  it('gives every event of a batch its own context, and runs in that of the first', async () => {
    const events = [event(1), event(2), event(3)];
    await traceProcessing(events, () => {
      expect(traceparentOf()).toBe(traceparentOf(contextOf(events[0] as object)));
      expect(events.map((each) => traceparentOf(contextOf(each))?.split('-')[1])).toEqual(
        [1, 2, 3].map(traceId),
      );
      return Promise.resolve();
    });
  });

  it('hands the error of a handler on', async () => {
    const error = new Error('x');
    await expect(traceProcessing([event(1)], () => Promise.reject(error))).rejects.toBe(error);
  });

  it('starts no span for a publish outside of any', () => {
    expect(startSend({ topic: 't', partition: 0, id: 'x' }).traceparent).toBeUndefined();
  });

  it('makes the send span a child of the active one', async () => {
    await withSpan('outer', { parent: contextFromTraceparent(event(5).traceparent) }, () => {
      const send = startSend({ topic: 't', partition: 0, id: 'x' });
      expect(send.traceparent?.split('-')[1]).toBe(trace.getActiveSpan()?.spanContext().traceId);
      send.end();
      return Promise.resolve();
    });
  });

  it('names its spans by what they do, with the parents and links that tell where they come from', async () => {
    const failure = new Error('no');
    await expect(traceProcessing([event(7), event(8)], () => Promise.reject(failure))).rejects.toBe(failure);
    await telemetry.shutdown();
    const [first, second] = [7, 8].map((n) =>
      finished.find((span) => span.name === 'process t' && span.spanContext().traceId === traceId(n)),
    );
    expect(first?.parentSpanContext?.spanId).toBe('b7ad6b7169203331');
    expect(first?.links.map((link) => link.context.traceId)).toEqual([traceId(8)]);
    expect(second?.links).toEqual([]);
    expect(second?.status.message).toBe('no');
    expect(finished.filter(({ name }) => name === 'send t2')).toHaveLength(1);
  });
});
