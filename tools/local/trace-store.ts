import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BACK_OFFICE_NICENESS } from './apps.ts';
import type { ProcessSpec } from './managed-process.ts';
import { root } from './paths.ts';
import { httpReady } from './readiness.ts';
import { runCommand } from './run-command.ts';

/** The Jaeger binary (version 2) of JAEGER_BIN or the PATH, when there is one. */
export async function findJaeger(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const binary = env.JAEGER_BIN || 'jaeger';
  const told = await runCommand(binary, ['version']).catch(() => undefined);
  return told?.code === 0 && /version[^\n]*v2\./i.test(told.lines.join('\n')) ? binary : undefined;
}

/** Where traces go and come from. */
export interface TracePorts {
  /** OTLP over gRPC. */
  readonly otlp: number;
  /** `/api/traces`, `/api/services`, and Jaeger's pages where it is Jaeger. */
  readonly http: number;
}

/** Our own bounded in-memory store with Jaeger's query API. */
export function memoryStoreSpec(ports: TracePorts, logs: string): ProcessSpec {
  return {
    name: 'traces',
    command: process.execPath,
    args: [
      '--max-old-space-size=256',
      join(root, 'tools', 'trace-store', 'main.ts'),
      '--otlp-port',
      String(ports.otlp),
      '--http-port',
      String(ports.http),
    ],
    logFile: join(logs, 'traces.log'),
    niceness: BACK_OFFICE_NICENESS,
    ready: () => httpReady(ports.http, '/api/services'),
  };
}

/** Jaeger with traces in memory and no port besides the two: its own default opens a dozen. */
export async function jaegerSpec(
  binary: string,
  ports: TracePorts,
  folders: { data: string; logs: string },
): Promise<ProcessSpec> {
  const config = join(folders.data, 'jaeger.json');
  await writeFile(config, JSON.stringify(jaegerConfig(ports), null, 2));
  return {
    name: 'traces',
    command: binary,
    args: ['--config', `file:${config}`],
    logFile: join(folders.logs, 'traces.log'),
    ready: () => httpReady(ports.http, '/api/services'),
  };
}

function jaegerConfig(ports: TracePorts): object {
  return {
    service: {
      extensions: ['jaeger_storage', 'jaeger_query'],
      pipelines: {
        traces: { receivers: ['otlp'], processors: ['batch'], exporters: ['jaeger_storage_exporter'] },
      },
      telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 50_000 } } } },
      jaeger_query: {
        storage: { traces: 'memory' },
        http: { endpoint: `127.0.0.1:${ports.http}` },
        grpc: { endpoint: '127.0.0.1:0' },
      },
    },
    receivers: { otlp: { protocols: { grpc: { endpoint: `127.0.0.1:${ports.otlp}` } } } },
    processors: { batch: {} },
    exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
  };
}
