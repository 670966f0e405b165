import { join } from 'node:path';
import { mainOf } from './build.ts';
import type { ProcessSpec } from './managed-process.ts';
import { httpReady } from './readiness.ts';

/** One app process of the stack. */
export interface AppInstance {
  /** Instance id, e.g. `inventory-1`. */
  readonly name: string;
  /** Folder below `apps/`. */
  readonly app: string;
  /** The gRPC port that it gets when that is free; below those that the system hands out to clients, one of which may take it just before. */
  readonly grpcPort: number;
}

/** The nine processes, those that face the buyer last. */
export const appInstances: readonly AppInstance[] = [
  { name: 'catalog-1', app: 'catalog', grpcPort: 20051 },
  { name: 'catalog-2', app: 'catalog', grpcPort: 20061 },
  { name: 'inventory-1', app: 'inventory', grpcPort: 20052 },
  { name: 'inventory-2', app: 'inventory', grpcPort: 20062 },
  { name: 'payment-1', app: 'payment', grpcPort: 20054 },
  { name: 'order-1', app: 'order', grpcPort: 20053 },
  { name: 'fulfillment-1', app: 'fulfillment', grpcPort: 20055 },
  { name: 'notification-1', app: 'notification', grpcPort: 20056 },
  { name: 'gateway-1', app: 'gateway', grpcPort: 20050 },
];

/** What every app is built from, and the buyers beside them. */
export const builtApps: readonly string[] = [...new Set(appInstances.map(({ app }) => app)), 'rush'];

/** Every order passes through these twice: with a large young generation, collecting takes a tenth of the time, not a quarter. */
const frontApps: ReadonlySet<string> = new Set(['gateway', 'order']);
/** Nobody waits for these: Node is told to be small rather than fast. */
const quietApps: ReadonlySet<string> = new Set(['catalog', 'inventory', 'fulfillment', 'notification']);

/**
 * What works the log off yields to what takes orders: on a cluster they have machines of their own, here they would slow down the
 * very burst that the log is there to take.
 */
export const BACK_OFFICE_NICENESS = 5;

/** Node's own limits, chosen for nine processes on one small machine. */
export function nodeFlags(app: string): readonly string[] {
  if (frontApps.has(app)) return ['--max-semi-space-size=8', '--max-old-space-size=160'];
  if (quietApps.has(app))
    return ['--max-semi-space-size=1', '--optimize-for-size', '--max-old-space-size=96'];
  return ['--max-semi-space-size=2', '--max-old-space-size=96'];
}

/** How to start an app; it is ready when `/readyz` answers 200. */
export function appSpec(
  instance: AppInstance,
  o: {
    ports: { grpc: number; health: number; http?: number };
    env: Readonly<Record<string, string>>;
    logs: string;
    cwd: string;
  },
): ProcessSpec {
  const { ports } = o;
  return {
    name: instance.name,
    command: process.execPath,
    args: [...nodeFlags(instance.app), mainOf(instance.app)],
    cwd: o.cwd,
    ...(frontApps.has(instance.app) ? {} : { niceness: BACK_OFFICE_NICENESS }),
    env: {
      // One arena of glibc's allocator instead of eight a core: 4 MB less a process, and nobody here allocates in parallel.
      MALLOC_ARENA_MAX: '1',
      MALLOC_TRIM_THRESHOLD_: '65536',
      ...o.env,
      INSTANCE_ID: instance.name,
      HOST: '127.0.0.1',
      GRPC_PORT: String(ports.grpc),
      HEALTH_PORT: String(ports.health),
      ...(ports.http === undefined ? {} : { HTTP_PORT: String(ports.http) }),
    },
    logFile: join(o.logs, `${instance.name}.log`),
    ready: async () => {
      await httpReady(ports.health, '/readyz');
      if (ports.http !== undefined) await httpReady(ports.http, '/readyz');
    },
    stopTimeoutMs: 15_000,
  };
}
