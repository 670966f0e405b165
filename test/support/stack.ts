/**
 * The running stack that `npm test` hands to the specs of test/stack, and what faults do to it. To run one spec by hand,
 * leave `npm start` running and use `npm test -- stack --reuse --filter <name>`.
 */
export const stack = {
  /** Base URL of the REST side. */
  gateway: variable('GATEWAY_URL'),
  adminToken: variable('ADMIN_TOKEN'),
  kafkaBrokers: variable('KAFKA_BROKERS'),
  zookeeper: variable('ZOOKEEPER'),
  redisUrl: variable('REDIS_URL'),
  /** Base URL of the trace query API. */
  traces: variable('TRACES_URL'),
  /** Folder with one log file for each process, e.g. `inventory-1.log`. */
  logs: variable('STACK_LOGS'),

  /** SIGKILL; resolves when the process is gone. It stays gone until `restart`. */
  kill: (app: string) => control('POST', `/apps/${app}/kill`),
  /** Starts a killed app, or stops and starts a running one; resolves when it is ready. */
  restart: (app: string) => control('POST', `/apps/${app}/restart`),
  /** FLUSHALL. */
  flushRedis: () => control('POST', '/redis/flush'),
  /** Every process with its pid and resident memory, and all addresses. */
  describe: () => control('GET', '/') as Promise<StackDescription>,
};

/** What a running stack tells of itself. */
export interface StackDescription {
  readonly addresses: { readonly grpc: Readonly<Record<string, string>>; readonly otlp: string };
  readonly logs: string;
  readonly processes: readonly {
    readonly name: string;
    readonly pid?: number;
    readonly residentBytes: number;
  }[];
}

async function control(method: string, path: string): Promise<unknown> {
  const response = await fetch(variable('STACK_CONTROL') + path, { method });
  const body: unknown = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${String(body)}`);
  return body;
}

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these specs with \`npm test -- stack\``);
  return value;
}
