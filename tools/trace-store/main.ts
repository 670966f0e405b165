import { parseArgs } from 'node:util';
import { ExportRing } from './export-ring.ts';
import { startCollector } from './otlp-collector.ts';
import { portOf, startQueryApi } from './query-api.ts';
import { TraceQuery } from './trace-query.ts';

const USAGE = `usage: node tools/trace-store/main.ts [--otlp-port 4317] [--http-port 16686] [--host 127.0.0.1] [--max-mib 64]
Keeps the latest traces in memory: takes OTLP over gRPC, answers Jaeger's /api/traces and /api/services, shows them at /.
`;

/** Where to listen and how much to keep. */
interface Settings {
  readonly host: string;
  readonly otlpPort: number;
  readonly httpPort: number;
  readonly maxMib: number;
}

function settings(): Settings {
  const { values } = parseArgs({
    options: {
      'otlp-port': { type: 'string', default: '4317' },
      'http-port': { type: 'string', default: '16686' },
      'max-mib': { type: 'string', default: '64' },
      host: { type: 'string', default: '127.0.0.1' },
    },
  });
  const integer = (name: 'otlp-port' | 'http-port' | 'max-mib', max: number): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw new RangeError(`--${name} must be an integer from 0 to ${max}, got ${values[name]}`);
    }
    return value;
  };
  return {
    host: values.host,
    otlpPort: integer('otlp-port', 65_535),
    httpPort: integer('http-port', 65_535),
    maxMib: integer('max-mib', 4096),
  };
}

async function run({ host, otlpPort, httpPort, maxMib }: Settings): Promise<void> {
  const ring = new ExportRing(maxMib * 1024 * 1024);
  const collector = await startCollector(host, otlpPort, (request) => ring.add(request));
  const api = await startQueryApi(host, httpPort, new TraceQuery(ring));
  const stop = () => {
    collector.close();
    api.close();
    api.closeAllConnections();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  process.stdout.write(
    `trace store ready: OTLP/gRPC on ${host}:${collector.port}, page and queries on http://${host}:${portOf(api)}\n`,
  );
}

let wanted: Settings;
try {
  wanted = settings();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
  process.exit(2);
}
try {
  await run(wanted);
} catch (error) {
  process.stderr.write(`trace store: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
