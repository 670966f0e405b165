import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { counter, gauge } from './metrics.ts';
import { startTelemetry } from './start-telemetry.ts';
import { withSpan } from './tracing.ts';

function collectLog() {
  const lines: { level: number; msg: string }[] = [];
  const logger = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
  return { lines, logger };
}

async function listen(onConnection: (socket: Socket) => void): Promise<{ server: Server; endpoint: string }> {
  const server = createServer(onConnection);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const options = { serviceName: 'test', serviceVersion: '1', instanceId: 'test-1' };

async function spans(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await withSpan('work', { attributes: { n } }, async () => {});
}

describe('startTelemetry with a collector out of reach', () => {
  it('says so once, drops, and stops', async () => {
    const { server, endpoint } = await listen(() => {});
    await new Promise((resolve) => server.close(resolve));
    const { lines, logger } = collectLog();
    const telemetry = startTelemetry({ ...options, otlpEndpoint: endpoint, logger });
    for (let round = 0; round < 5; round++) {
      await spans(600);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await telemetry.shutdown();
    expect(lines.map(({ msg }) => msg)).toEqual([
      'the collector does not take traces: they are dropped until it does',
    ]);
  });

  it('stops although the collector never answers', async () => {
    const sockets: Socket[] = [];
    const { server, endpoint } = await listen((socket) => sockets.push(socket));
    const { logger } = collectLog();
    const telemetry = startTelemetry({ ...options, otlpEndpoint: endpoint, logger });
    await spans(10_000);
    await telemetry.shutdown();
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it.each(['127.0.0.1:4317', 'ftp://127.0.0.1:4317'])('refuses the endpoint %s', (otlpEndpoint) => {
    expect(() => startTelemetry({ ...options, otlpEndpoint })).toThrow(
      new TypeError(`the OTLP endpoint must be an http or https URL, got ${otlpEndpoint}`),
    );
  });
});

describe('instruments', () => {
  it('may be created and used before, between and after', async () => {
    const early = counter('test.early');
    early.add(1);
    let asked = 0;
    const level = gauge('test.level', { unit: '{item}' }, () => [{ value: ++asked, attributes: { a: 1 } }]);
    for (let round = 1; round <= 2; round++) {
      const { server, endpoint } = await listen((socket) => socket.destroy());
      const telemetry = startTelemetry({
        ...options,
        otlpMetricsEndpoint: endpoint,
        logger: collectLog().logger,
      });
      early.add(1, { round });
      asked = 0;
      await telemetry.shutdown();
      server.close();
      // At the last export; nobody came to look.
      expect(asked).toBe(1);
    }
    level.stop();
    early.add(1);
  });
});
