import { FlashmeshError } from '@flashmesh/core';
import { createLogger } from './logger.ts';
import { NestLogger } from './nest-logger.ts';
import { prettyLine } from './pretty-line.ts';
import { startTelemetry } from './start-telemetry.ts';
import { withSpan } from './tracing.ts';

function setUp(options: { pretty?: boolean; level?: string } = {}) {
  const lines: string[] = [];
  const logger = createLogger({
    service: 'order',
    instance: 'order-1',
    destination: { write: (line) => void lines.push(line) },
    ...options,
  });
  return { lines, logger, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('createLogger', () => {
  it('writes one JSON line an entry, with the ids of the active span', async () => {
    const telemetry = startTelemetry({ serviceName: 'order', serviceVersion: '1', instanceId: 'order-1' });
    const { logger, entries } = setUp();
    logger.info({ sku: 'a' }, 'outside');
    let ids: object = {};
    await withSpan('work', {}, async (span) => {
      ids = { trace_id: span.spanContext().traceId, span_id: span.spanContext().spanId };
      logger.child({ part: 'x' }).warn('inside');
    });
    await telemetry.shutdown();
    const [outside, inside] = entries();
    expect(outside).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      service: 'order',
      instance: 'order-1',
      sku: 'a',
      msg: 'outside',
    });
    expect(inside).toMatchObject({ level: 'warn', part: 'x', ...ids });
  });

  it('writes an error with code, stack and cause', () => {
    const { logger, entries } = setUp();
    const cause = new Error('socket closed');
    logger.error(
      { err: new FlashmeshError('unavailable', 'LOG_UNAVAILABLE', 'no log', { cause }) },
      'failed',
    );
    expect(entries()[0]?.['err']).toMatchObject({
      code: 'LOG_UNAVAILABLE',
      kind: 'unavailable',
      stack: expect.stringContaining('caused by: Error: socket closed'),
    });
  });

  it('leaves out what is below its level', () => {
    const { logger, lines } = setUp({ level: 'warn' });
    logger.info('no');
    logger.warn('yes');
    expect(lines).toHaveLength(1);
  });

  it('writes for people when asked', () => {
    const { logger, lines } = setUp({ pretty: true });
    logger.info({ orders: 3, text: 'two words' }, 'ready');
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} INFO {2}order-1 {8}ready orders=3 text="two words"\n$/);
  });
});

describe('prettyLine', () => {
  it('shows the beginning of the trace id, the Nest context and the stack', () => {
    const entry = {
      level: 'error',
      time: 'never',
      instance: 'a-1',
      msg: 'failed',
      context: 'Router',
      trace_id: '0af7651916cd43dd8448eb211c80319c',
      err: { stack: 'Error: x\n    at y' },
    };
    expect(prettyLine(JSON.stringify(entry), false)).toBe(
      '--:--:--.--- ERROR a-1            [Router] failed #0af76519\n    Error: x\n    at y\n',
    );
  });

  it('colours the level', () => {
    expect(prettyLine('{"level":"warn","msg":"x"}', true)).toContain('\u001b[33mWARN \u001b[0m');
  });

  it('passes on what is not JSON', () => {
    expect(prettyLine('plain text\n', false)).toBe('plain text\n');
  });
});

describe('NestLogger', () => {
  it('maps levels, contexts and stacks, and lowers what Nest says at start', () => {
    const { logger, entries } = setUp({ level: 'trace' });
    const nest = new NestLogger(logger);
    nest.log('AppModule dependencies initialized', 'InstanceLoader');
    nest.log('placed', 'OrderController');
    nest.warn('careful');
    nest.error('failed', 'Error: x\n    at y', 'ExceptionsHandler');
    nest.error(new TypeError('thrown'));
    nest.verbose({ a: 1 }, 'Somewhere');
    nest.fatal('over');
    expect(entries()).toMatchObject([
      { level: 'debug', context: 'InstanceLoader' },
      { level: 'info', context: 'OrderController', msg: 'placed' },
      { level: 'warn', msg: 'careful' },
      { level: 'error', context: 'ExceptionsHandler', msg: 'failed', err: { stack: 'Error: x\n    at y' } },
      { level: 'error', msg: 'thrown', err: { type: 'TypeError' } },
      { level: 'trace', context: 'Somewhere', detail: { a: 1 } },
      { level: 'fatal', msg: 'over' },
    ]);
  });
});
