import { inventory } from '@flashmesh/contracts';
import { type Resolver, type ServiceInstance, sleep } from '@flashmesh/core';
import { createLogger, type Logger } from '@flashmesh/telemetry';
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { MeshServer } from './mesh-server.ts';
import type { IncomingCall } from './incoming-call.ts';

// grpc-js writes what the specs provoke to the console.
setLogVerbosity(logVerbosity.NONE);

const { InventoryServiceDefinition } = inventory;
const { methods } = InventoryServiceDefinition;

/** The service that the specs serve and call: as in the schema, but not idempotent, so that each call is one attempt. */
export const Inventory = {
  ...InventoryServiceDefinition,
  methods: { ...methods, getStock: { ...methods.getStock, options: {} } },
};

type Listener = (instances: readonly ServiceInstance[]) => void;

/** Naming that the test drives: says nothing of a service until it was told something. */
export class FakeNaming implements Resolver {
  readonly watches: string[] = [];
  private readonly known = new Map<string, readonly ServiceInstance[]>();
  private readonly listeners = new Set<{ service: string; listener: Listener }>();

  watch(service: string, listener: Listener): () => void {
    const entry = { service, listener };
    this.watches.push(service);
    this.listeners.add(entry);
    const instances = this.known.get(service);
    // At once: the worst that an implementation of the port may do.
    if (instances) listener(instances);
    return () => this.listeners.delete(entry);
  }

  get watching(): number {
    return this.listeners.size;
  }

  say(service: string, ...ports: readonly number[]): void {
    this.sayInstances(service, ports.map(instance));
  }

  sayInstances(service: string, instances: readonly ServiceInstance[]): void {
    this.known.set(service, instances);
    for (const entry of this.listeners) if (entry.service === service) entry.listener(instances);
  }
}

export function instance(port: number): ServiceInstance {
  return { id: `i-${port}`, address: `127.0.0.1:${port}`, version: '1', zone: 'local', weight: 1 };
}

/** The errors that were logged, line by line; with `warn`, the warnings too. */
export class LogLines {
  readonly lines: string[] = [];
  readonly logger: Logger;

  constructor(level: 'warn' | 'error' = 'error') {
    this.logger = createLogger({
      service: 'test',
      instance: 'test-1',
      level,
      destination: { write: (line) => void this.lines.push(line) },
    });
  }
}

type StockHandler = (request: inventory.GetStockRequest, call: IncomingCall) => unknown;

/** Servers that end with the test. */
export class TestServers {
  readonly log = new LogLines();
  private readonly servers: MeshServer[] = [];

  /** Serves GetStock with `handler`. */
  async start(handler: StockHandler, port = 0): Promise<MeshServer> {
    const server = new MeshServer({
      services: [Inventory],
      host: '127.0.0.1',
      port,
      logger: this.log.logger,
    });
    server.addHandler({ service: Inventory.name, rpc: 'GetStock' }, async (request, call) =>
      handler(request, call),
    );
    this.servers.push(server);
    await listening(server);
    return server;
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.splice(0).map((server) => server.drain(0)));
  }
}

export function listening(server: MeshServer): Promise<void> {
  return new Promise((resolve, reject) => {
    server.listen((error) => (error ? reject(error) : resolve()));
  });
}

/** An answer that says who gave it. */
export function stockOf(sku: string): inventory.GetStockResponse {
  return inventory.GetStockResponse.create({ stock: { sku } });
}

/** Waits for what happens elsewhere, at most `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 3000): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`never became true: ${condition.toString()}`);
    await sleep(5);
  }
}
