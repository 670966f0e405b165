/**
 * The running stack that `npm test` hands to the specs of test/stack, and what faults do to it. To run one spec by hand,
 * leave `npm start` running and use `npm test -- stack --reuse --filter <name>`.
 */
export const stackControl = {
  /** Base URL of the REST side. */
  get gateway(): string {
    return variable('GATEWAY_URL');
  },
  get adminToken(): string {
    return variable('ADMIN_TOKEN');
  },
  get kafkaBrokers(): string {
    return variable('KAFKA_BROKERS');
  },
  get zookeeper(): string {
    return variable('ZOOKEEPER');
  },
  get redisUrl(): string {
    return variable('REDIS_URL');
  },
  /** Base URL of the trace query API. */
  get traces(): string {
    return variable('TRACES_URL');
  },
  /** Folder with one log file (JSON lines) for each process, e.g. `inventory-1.log`. */
  get logs(): string {
    return variable('STACK_LOGS');
  },

  /** An app process by its instance id, e.g. `inventory-1`. */
  app: (name: string) => ({
    /** SIGKILL resolves when the process is gone, and it stays gone until `restart`; SIGSTOP freezes it until SIGCONT. */
    kill: async (signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT' = 'SIGKILL'): Promise<void> => {
      await control('POST', `/apps/${name}/kill/${signal}`);
    },
    /** Starts a killed app, or stops and starts a running one; resolves when it is ready. */
    restart: async (): Promise<void> => {
      await control('POST', `/apps/${name}/restart`);
    },
  }),
  /** FLUSHALL. */
  flushRedis: async (): Promise<void> => {
    await control('POST', '/redis/flush');
  },
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
