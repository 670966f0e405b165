import type { KafkaServer } from '@flashmesh/messaging';
import type { MeshServer } from '@flashmesh/rpc';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';

/**
 * Calls and events under one Nest transport, so that a service is one Nest application: handlers of calls go to the gRPC
 * server, handlers of events to the Kafka consumer. Calls are served before events are consumed, and events stop first.
 */
export class TransportGroup extends Server implements CustomTransportStrategy {
  /** The Kafka consumer decides itself what a failed event handler means. */
  override readonly propagatesEventHandlerErrors = true;
  private readonly calls: MeshServer | undefined;
  private readonly events: KafkaServer;
  private readonly drainTimeoutMs: number;

  constructor(calls: MeshServer | undefined, events: KafkaServer, drainTimeoutMs: number) {
    super();
    this.calls = calls;
    this.events = events;
    this.drainTimeoutMs = drainTimeoutMs;
  }

  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    if (isEventHandler) return this.events.addHandler(pattern, callback, true, extras);
    if (!this.calls) {
      throw new TypeError(`no server for ${JSON.stringify(pattern)}: list its definition under \`services\``);
    }
    this.calls.addHandler(pattern, callback);
  }

  listen(callback: (error?: unknown) => void): void {
    void this.start().then(() => callback(), callback);
  }

  async close(): Promise<void> {
    await this.events.close();
    await this.calls?.drain(this.drainTimeoutMs);
  }

  on(): never {
    throw new TypeError('a transport group has no events of its own');
  }

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the signature is Nest's
  unwrap<T>(): T {
    return { calls: this.calls, events: this.events } as T;
  }

  private async start(): Promise<void> {
    if (this.calls) await listening(this.calls);
    await listening(this.events);
  }
}

function listening(server: CustomTransportStrategy): Promise<void> {
  return new Promise((resolve, reject) => {
    server.listen((error?: unknown) => (error ? reject(error) : resolve()));
  });
}
