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
  /** The gRPC port that it gets when that is free. */
  readonly grpcPort: number;
}

/** The nine processes, those that face the buyer last. */
export const appInstances: readonly AppInstance[] = [
  { name: 'catalog-1', app: 'catalog', grpcPort: 50051 },
  { name: 'catalog-2', app: 'catalog', grpcPort: 50061 },
  { name: 'inventory-1', app: 'inventory', grpcPort: 50052 },
  { name: 'inventory-2', app: 'inventory', grpcPort: 50062 },
  { name: 'payment-1', app: 'payment', grpcPort: 50054 },
  { name: 'order-1', app: 'order', grpcPort: 50053 },
  { name: 'fulfillment-1', app: 'fulfillment', grpcPort: 50055 },
  { name: 'notification-1', app: 'notification', grpcPort: 50056 },
  { name: 'gateway-1', app: 'gateway', grpcPort: 50050 },
];

/** What every app is built from, and the buyers beside them. */
export const builtApps: readonly string[] = [...new Set(appInstances.map(({ app }) => app)), 'rush'];

/** Node's own limits, chosen for nine processes on one small machine: a small young generation, a bounded old one. */
export const nodeFlags: readonly string[] = ['--max-semi-space-size=4', '--max-old-space-size=192'];

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
    args: [...nodeFlags, mainOf(instance.app)],
    cwd: o.cwd,
    env: {
      // One arena of glibc's allocator instead of eight a core: 4 MB less a process, and nobody here allocates in parallel.
      MALLOC_ARENA_MAX: '1',
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
