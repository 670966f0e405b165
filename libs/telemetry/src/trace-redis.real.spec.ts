import { createHash } from 'node:crypto';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { InMemorySpanExporter, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { startTelemetry } from './start-telemetry.ts';
import { nameScript, traceRedis } from './trace-redis.ts';
import { withSpan } from './tracing.ts';

const url = process.env['REDIS_URL'];
if (!url) throw new Error('REDIS_URL names the Redis to test against');

const key = `trace-redis:${Math.random().toString(36).slice(2)}`;
const redis = traceRedis(new Redis(url));
afterAll(async () => {
  await redis.del(key);
  redis.disconnect();
});

async function spansOf(work: () => Promise<unknown>): Promise<ReadableSpan[]> {
  const exporter = new InMemorySpanExporter();
  const spans: ReadableSpan[] = [];
  exporter.export = (finished, report) => {
    spans.push(...finished);
    report({ code: ExportResultCode.SUCCESS });
  };
  const telemetry = startTelemetry({
    serviceName: 'test',
    serviceVersion: '1',
    instanceId: 'test-1',
    spanExporter: exporter,
    logger: pino({ level: 'silent' }),
  });
  try {
    await work();
  } finally {
    await telemetry.shutdown();
  }
  return spans;
}

describe('traceRedis', () => {
  it('makes spans of commands inside a span, and none outside', async () => {
    const spans = await spansOf(async () => {
      await redis.set(key, 'outside');
      await withSpan('order', {}, async () => {
        expect(await redis.get(key)).toBe('outside');
      });
    });
    expect(spans.map(({ name }) => name)).toEqual(['redis GET', 'order']);
    expect(spans[0]).toMatchObject({
      kind: SpanKind.CLIENT,
      attributes: {
        'db.system.name': 'redis',
        'db.operation.name': 'GET',
        'server.port': Number(new URL(url).port),
      },
    });
    expect(spans[0]?.parentSpanContext?.spanId).toBe(spans[1]?.spanContext().spanId);
  });

  it('names scripts, whether defined on the client or known by their hash', async () => {
    const lua = `return '${key}'`;
    redis.defineCommand('sayKey', { numberOfKeys: 0, lua });
    const other = `return 1 -- ${key}`;
    const hash = createHash('sha1').update(other).digest('hex');
    nameScript(hash, 'one');
    await redis.script('LOAD', other);
    const spans = await spansOf(() =>
      withSpan('order', {}, async () => {
        const client = redis as unknown as { sayKey(): Promise<string> };
        expect(await client.sayKey()).toBe(key);
        expect(await client.sayKey()).toBe(key);
        expect(await redis.evalsha(hash, 0)).toBe(1);
        expect(await redis.eval('return 2', 0)).toBe(2);
      }),
    );
    expect(spans.map(({ name }) => name)).toEqual([
      'redis script sayKey',
      'redis script sayKey',
      'redis script one',
      'redis EVAL',
      'order',
    ]);
  });

  it('makes a span for each command of a pipeline and a transaction', async () => {
    const spans = await spansOf(() =>
      withSpan('order', {}, async () => {
        await redis.pipeline().set(key, 'a').get(key).exec();
        await redis.multi().incr(`${key}:n`).del(`${key}:n`).exec();
      }),
    );
    expect(spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'redis SET',
        'redis GET',
        'redis MULTI',
        'redis INCR',
        'redis DEL',
        'redis EXEC',
      ]),
    );
  });

  it('marks what Redis refuses, and passes the error on', async () => {
    const spans = await spansOf(() =>
      withSpan('order', {}, async () => {
        await redis.set(key, 'text');
        await expect(redis.incr(key)).rejects.toThrow('not an integer');
      }),
    );
    const refused = spans.find(({ name }) => name === 'redis INCR');
    expect(refused?.status.code).toBe(SpanStatusCode.ERROR);
  });
});
