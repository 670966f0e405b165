import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  contextFromTraceparent,
  counter,
  SpanKind,
  startTelemetry,
  trace,
  traceparentOf,
  withSpan,
} from '@flashmesh/telemetry';
import { pino } from 'pino';
import type { JaegerTrace } from './jaeger-json.ts';

interface Store {
  readonly process: ChildProcess;
  readonly otlpEndpoint: string;
  readonly url: string;
}

async function startStore(...args: string[]): Promise<Store> {
  const main = join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [main, '--otlp-port', '0', '--http-port', '0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const ports = /^trace store ready: OTLP\/gRPC on ([\d.:]+), page and queries on (http:\S+)\n$/.exec(
    String(line),
  );
  if (!ports) throw new Error(`not ready: ${String(line)}`);
  return { process: child, otlpEndpoint: `http://${ports[1]}`, url: String(ports[2]) };
}

const logger = pino({ level: 'silent' });
const telemetryOf = (store: Store, serviceName: string) =>
  startTelemetry({
    serviceName,
    serviceVersion: '1.2.3',
    instanceId: `${serviceName}-1`,
    otlpEndpoint: store.otlpEndpoint,
    logger,
  });

interface Answer {
  readonly status: number;
  readonly data: unknown;
  readonly errors: unknown;
}

async function get(store: Store, path: string): Promise<Answer> {
  const response = await fetch(store.url + path);
  return { ...((await response.json()) as Omit<Answer, 'status'>), status: response.status };
}

async function getTraces(store: Store, path: string): Promise<JaegerTrace[]> {
  return (await get(store, path)).data as JaegerTrace[];
}

describe('trace store', () => {
  let store: Store;
  beforeAll(async () => {
    store = await startStore();
  });
  afterAll(() => store.process.kill('SIGKILL'));

  it('gives back what libs/telemetry exported, with parents, links, events and resources', async () => {
    const gateway = telemetryOf(store, 'gateway');
    counter('test.count').add(1);
    let traceparent: string | undefined;
    let other: string | undefined;
    await withSpan('elsewhere', {}, async (span) => void (other = span.spanContext().traceId));
    const earlier = contextFromTraceparent(`00-${other}-00000000000000aa-01`);
    const link = {
      context: trace.getSpanContext(earlier) as NonNullable<ReturnType<typeof trace.getSpanContext>>,
    };
    const failing = withSpan(
      'POST /api/orders',
      {
        kind: SpanKind.SERVER,
        attributes: {
          'http.route': '/api/orders',
          n: 7,
          share: 0.5,
          ok: true,
          list: ['a', 'b'],
          negative: -3,
        },
      },
      async () => {
        await withSpan('send inventory.commands', { kind: SpanKind.PRODUCER, links: [link] }, async () => {
          traceparent = traceparentOf();
        });
        throw new TypeError('broken on purpose');
      },
    );
    await expect(failing).rejects.toThrow('broken on purpose');
    await gateway.shutdown();
    const inventory = telemetryOf(store, 'inventory');
    const parent = contextFromTraceparent(traceparent);
    await withSpan('process inventory.commands', { kind: SpanKind.CONSUMER, parent }, async () => {});
    await inventory.shutdown();

    expect((await get(store, '/api/services')).data).toEqual(['gateway', 'inventory']);
    const id = String(traceparent).split('-')[1];
    const data = await getTraces(store, `/api/traces/${id}`);
    expect(data).toHaveLength(1);
    const [found] = data as [JaegerTrace];
    expect(found.traceID).toBe(id);
    const [root, send, receive] = found.spans as [
      JaegerTrace['spans'][0],
      JaegerTrace['spans'][0],
      JaegerTrace['spans'][0],
    ];
    expect(found.spans.map((span) => span.operationName)).toEqual([
      'POST /api/orders',
      'send inventory.commands',
      'process inventory.commands',
    ]);
    expect(root.references).toEqual([]);
    expect(send.references).toEqual([
      { refType: 'CHILD_OF', traceID: id, spanID: root.spanID },
      { refType: 'FOLLOWS_FROM', traceID: other, spanID: '00000000000000aa' },
    ]);
    expect(receive.references).toEqual([{ refType: 'CHILD_OF', traceID: id, spanID: send.spanID }]);
    expect(root.tags).toEqual(
      expect.arrayContaining([
        { key: 'http.route', type: 'string', value: '/api/orders' },
        { key: 'n', type: 'int64', value: 7 },
        { key: 'negative', type: 'int64', value: -3 },
        { key: 'share', type: 'float64', value: 0.5 },
        { key: 'ok', type: 'bool', value: true },
        { key: 'list', type: 'string', value: '["a","b"]' },
        { key: 'span.kind', type: 'string', value: 'server' },
        { key: 'error', type: 'bool', value: true },
        { key: 'error.type', type: 'string', value: 'TypeError' },
        { key: 'otel.status_description', type: 'string', value: 'broken on purpose' },
      ]),
    );
    expect(root.logs[0]?.fields).toContainEqual({
      key: 'exception.message',
      type: 'string',
      value: 'broken on purpose',
    });
    expect(Math.abs(root.startTime / 1000 - Date.now())).toBeLessThan(60_000);
    expect(root.duration).toBeGreaterThanOrEqual(send.duration);
    expect(found.processes[receive.processID]).toEqual({
      serviceName: 'inventory',
      tags: expect.arrayContaining([
        { key: 'service.version', type: 'string', value: '1.2.3' },
        { key: 'service.instance.id', type: 'string', value: 'inventory-1' },
      ]),
    });
  });

  it('finds traces by service, operation, tags and time, the latest first, each whole', async () => {
    const telemetry = telemetryOf(store, 'search');
    for (let n = 0; n < 5; n++) {
      await withSpan('outer', { attributes: { n } }, () => withSpan('inner', {}, async () => {}));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await telemetry.shutdown();
    const search = (more: string) => getTraces(store, `/api/traces?service=search${more}`);
    const numbers = (traces: JaegerTrace[]) =>
      traces.map((found) => found.spans[0]?.tags.find((tag) => tag.key === 'n')?.value);
    expect(numbers(await search('&limit=3'))).toEqual([4, 3, 2]);
    expect((await search('&operation=inner&limit=100')).map((found) => found.spans.length)).toEqual([
      2, 2, 2, 2, 2,
    ]);
    expect(numbers(await search(`&tags=${encodeURIComponent('{"n":"2"}')}`))).toEqual([2]);
    expect(numbers(await search('&tag=n:1&tag=service.version:1.2.3'))).toEqual([1]);
    expect(numbers(await search('&lookback=1h'))).toHaveLength(5);
    expect(await search(`&start=${(Date.now() + 60_000) * 1000}`)).toEqual([]);
    expect(await search(`&end=${(Date.now() - 60_000) * 1000}`)).toEqual([]);
    expect(await search('&minDuration=1h')).toEqual([]);
    expect((await get(store, '/api/services/search/operations')).data).toEqual(['inner', 'outer']);
  });

  it.each([
    ['/api/traces', 400, "parameter 'service' is required"],
    ['/api/traces?service=a&limit=0', 400, "parameter 'limit' must be an integer from 1 to 1500"],
    ['/api/traces?service=a&tags=%7B', 400, "parameter 'tags' must be a JSON object"],
    ['/api/traces?service=a&lookback=soon', 400, "parameter 'lookback' must be a duration like 20ms or 1h"],
    ['/api/traces/xyz', 400, 'a trace id is 1 to 32 hexadecimal digits'],
    ['/api/traces/abc', 404, 'trace not found'],
    ['/api/nothing', 404, 'no such path'],
  ])('answers %s with %i', async (path, code, msg) => {
    expect(await get(store, path)).toMatchObject({ status: code, data: null, errors: [{ code, msg }] });
  });

  it('shows a page', async () => {
    const response = await fetch(store.url);
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(await response.text()).toContain('Flashmesh traces');
  });

  it('exits with 0 on SIGTERM', async () => {
    store.process.kill('SIGTERM');
    expect(await once(store.process, 'exit')).toEqual([0, null]);
  });
});

describe('trace store, bounded', () => {
  it('drops the oldest beyond its bound and keeps answering', async () => {
    const store = await startStore('--max-mib', '1');
    try {
      const telemetry = telemetryOf(store, 'flood');
      const padding = 'x'.repeat(1000);
      const ids: string[] = [];
      for (let n = 0; n < 6000; n++) {
        await withSpan(
          'flood',
          { attributes: { padding, n } },
          async (span) => void ids.push(span.spanContext().traceId),
        );
        // As many as the queue takes: the test is about the store's bound, not about the exporter's.
        if (n % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 30));
      }
      await telemetry.shutdown();
      const data = await getTraces(store, '/api/traces?service=flood&limit=1500');
      expect(data.length).toBeGreaterThan(100);
      expect(data.length).toBeLessThan(1100);
      expect(data[0]?.traceID).toBe(ids.at(-1));
      expect((await get(store, `/api/traces/${ids[0]}`)).status).toBe(404);
    } finally {
      store.process.kill('SIGTERM');
      await once(store.process, 'exit');
    }
  });

  it('says in one line why it cannot start', async () => {
    const run = async (...args: string[]) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let said = '';
      child.stderr.on('data', (chunk) => (said += chunk));
      const [code] = await once(child, 'close');
      return { code, said };
    };
    expect(await run('--max-mib', 'many')).toEqual({
      code: 2,
      said: expect.stringContaining('--max-mib must be an integer from 0 to 4096, got many'),
    });
    const store = await startStore();
    const taken = new URL(store.url).port;
    expect(await run('--otlp-port', '0', '--http-port', taken)).toEqual({
      code: 1,
      said: expect.stringMatching(/^trace store: .*EADDRINUSE.*\n$/),
    });
    store.process.kill('SIGTERM');
  });
});
