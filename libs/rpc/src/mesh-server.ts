import { type Clock, FlashmeshError, systemClock, unavailable } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import {
  type ChannelOptions,
  Server as GrpcServer,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { type CustomTransportStrategy, type MessageHandler, Server, Transport } from '@nestjs/microservices';
import type { BuiltInService } from './built-in-service.ts';
import { CallGuard } from './guard/call-guard.ts';
import { prioritiesOf, type ServiceRules } from './guard/rules.ts';
import { HealthService } from './health-service.ts';
import {
  AdmissionControl,
  type OverloadOptions,
  type OverloadSnapshot,
} from './overload/admission-control.ts';
import { type MeshSecurity, serverCredentials } from './identity/mesh-security.ts';
import { type MethodDefinitionLike, pathOf, type ServiceDefinitionLike } from './service-definition.ts';
import { observedMethod } from './observed-call.ts';
import { pause, settledWithin, untilQuiet } from './quiet.ts';
import type { Exchange, ServedMethod, WrappedHandler } from './exchange.ts';
import { bidiHandler, serverStreamHandler } from './stream-handler.ts';
import { clientStreamHandler, unaryHandler } from './unary-handler.ts';

/** What a server serves, and where. */
export interface MeshServerOptions {
  readonly services: readonly ServiceDefinitionLike[];
  /** What is served beside them without a controller, e.g. `reflection(..)`. */
  readonly builtIn?: readonly BuiltInService[];
  /** The address to listen on, e.g. `127.0.0.1` or `::`. */
  readonly host: string;
  /** 0 takes any free port; see {@link MeshServer.port}. */
  readonly port: number;
  readonly logger: Logger;
  /** @default 'loopback' */
  readonly security?: MeshSecurity;
  /** Who may call what, under TLS: without a rule for a method, nobody may. In plain text nobody is asked. */
  readonly rules?: readonly ServiceRules[];
  /** When calls are refused because there are too many; `false` lets every call in. @default the defaults of its options */
  readonly overload?: OverloadOptions | false;
  /** How long `close()` lets running calls finish, in milliseconds. @default 5000 */
  readonly drainMs?: number;
  /** grpc-js options on top of ours. */
  readonly channelOptions?: ChannelOptions;
  readonly clock?: Clock;
}

const SERVER_OPTIONS: ChannelOptions = {
  'grpc.enable_channelz': 0,
  // Connections of callers that vanished without a word are found and dropped.
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 5_000,
};

/**
 * Certificates count when a connection is made: callers connect anew this often, and prove afresh who they are. With the tenth that
 * grpc-js adds or takes away, and the time until a file is read, within 10 minutes.
 *
 * @internal
 */
export const TLS_OPTIONS = {
  'grpc.max_connection_age_ms': 525_000,
  'grpc.max_connection_age_grace_ms': 60_000,
};

const DEFAULT_DRAIN_MS = 5000;
/** Callers have left when none of them called for this long... */
const QUIET_MS = 250;
/** ...and have read a connection's goodbye within this: they send nothing more on it. */
const GOODBYE_MS = 100;
/** Answers that were given when the drain ran out may still leave within this time. */
const FLUSH_MS = 200;

/** What Nest's GrpcMethod makes of a method. */
interface GrpcPattern {
  readonly service: string;
  readonly rpc: string;
}

/**
 * Nest's transport for gRPC calls between services: `NestFactory.createMicroservice(module, { strategy: new MeshServer(..) })`.
 * Handlers are controllers' methods under {@link Rpc}; guards, pipes, interceptors and exception filters apply.
 *
 * Guarantees: a call is answered exactly once, also when its handler gives nothing; its deadline or cancellation aborts the
 * handler's `signal`; calls that the handler makes inherit both; errors that are not FlashmeshErrors reach the log, and the
 * caller only as INTERNAL; a drain ends in time, whatever handlers do.
 */
export class MeshServer extends Server implements CustomTransportStrategy {
  override readonly transportId = Transport.GRPC;
  private readonly options: MeshServerOptions;
  private readonly server: GrpcServer;
  private readonly health: HealthService;
  private readonly security: MeshSecurity;
  private readonly guard: CallGuard;
  private readonly control: AdmissionControl | undefined;
  private readonly active = new Set<Exchange>();
  private boundPort = 0;
  private draining: Promise<void> | undefined;

  constructor(options: MeshServerOptions) {
    super();
    this.options = options;
    this.security = options.security ?? 'loopback';
    const tls = typeof this.security === 'string' ? undefined : this.security;
    const { logger, clock = systemClock, overload = {}, builtIn = [] } = options;
    const rules = [...(options.rules ?? []), ...builtIn.map((service) => service.rules)];
    this.control = overload
      ? new AdmissionControl({ ...overload, priorities: prioritiesOf(rules), clock, logger })
      : undefined;
    this.guard = new CallGuard({ naming: tls?.naming, rules, control: this.control, logger, clock });
    this.server = new GrpcServer({
      ...SERVER_OPTIONS,
      ...(tls && TLS_OPTIONS),
      ...options.channelOptions,
      interceptors: [this.guard.interceptor],
    });
    this.health = new HealthService(options.services.map((service) => service.fullName));
  }

  /** The port it listens on; 0 before. */
  get port(): number {
    return this.boundPort;
  }

  /** Calls that wait for their answer. */
  get activeCalls(): number {
    return this.active.size;
  }

  /** How many calls it lets in, and how many it refused; `undefined` when it lets every call in. */
  get overload(): OverloadSnapshot | undefined {
    return this.control?.snapshot;
  }

  override addHandler(pattern: unknown, handler: MessageHandler): void {
    if (!isGrpcPattern(pattern)) {
      throw new TypeError(`${JSON.stringify(pattern)} is not a gRPC method: use @Rpc`);
    }
    this.messageHandlers.set(keyOf(pattern.service, pattern.rpc), handler);
  }

  /** Calls back when it serves, or with why it cannot (port taken, a handler of a service that is not listed). */
  listen(report: (error?: unknown) => void): void {
    void this.start().then(() => report(), report);
  }

  /** What health checks hear, for every service at once; true from `listen` until `drain`. */
  setServing(serving: boolean): void {
    this.health.setServing(serving);
  }

  /**
   * Stops without failing a call, when naming has been told before. Health says NOT_SERVING, and calls are served until none has
   * come for 250 ms: callers need time to hear of it, more when they are busy. Half of `ms` is the most for that. Then each
   * connection is asked to call elsewhere, and closed when its calls are done; those that are not done within `ms` are answered
   * UNAVAILABLE (`SHUTTING_DOWN`) and their signals abort. Resolves when every connection is closed. The first call decides;
   * it never rejects.
   */
  drain(ms: number): Promise<void> {
    this.draining ??= this.stop(ms).finally(() => this.control?.close());
    return this.draining;
  }

  close(): Promise<void> {
    return this.drain(this.options.drainMs ?? DEFAULT_DRAIN_MS);
  }

  on(): never {
    throw new TypeError('a mesh server has no events');
  }

  /** The grpc-js server, for what this class does not offer. */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the signature is Nest's
  unwrap<T>(): T {
    return this.server as T;
  }

  private async start(): Promise<void> {
    const unused = new Set(this.messageHandlers.keys());
    for (const definition of this.options.services) this.addService(definition, unused);
    for (const { definition, handlers } of this.options.builtIn ?? []) {
      this.register(definition, ({ name }) => handlers[name]);
    }
    if (unused.size > 0) {
      throw new TypeError(
        `no definition for the handlers of ${[...unused].join(', ')}: list it under \`services\``,
      );
    }
    this.server.addService(this.health.definition, this.health.implementation);
    this.boundPort = await this.bind();
    this.setServing(true);
  }

  private addService(definition: ServiceDefinitionLike, unused: Set<string>): void {
    this.register(definition, (method) => this.takeHandler(definition, method, unused));
  }

  private register(
    definition: ServiceDefinitionLike,
    handlerFor: (method: MethodDefinitionLike) => WrappedHandler | undefined,
  ): void {
    const methods: Record<string, ServiceDefinition[string]> = {};
    const implementation: UntypedServiceImplementation = {};
    for (const [name, method] of Object.entries(definition.methods)) {
      const handler = handlerFor(method);
      const path = pathOf(definition, method);
      if (!handler) {
        this.options.logger.warn({ method: path }, 'a method without a handler: callers get UNIMPLEMENTED');
        continue;
      }
      methods[name] = wireMethod(path, method);
      implementation[name] = handlerOf({
        path,
        method,
        handler,
        observed: observedMethod(definition, method),
        logger: this.options.logger,
        active: this.active,
      });
    }
    // grpc-js does not take a service without methods.
    if (Object.keys(methods).length > 0) this.server.addService(methods, implementation);
  }

  /** Handlers may name the service with or without its package, as under Nest's own gRPC server. */
  private takeHandler(
    definition: ServiceDefinitionLike,
    method: MethodDefinitionLike,
    unused: Set<string>,
  ): WrappedHandler | undefined {
    for (const key of [keyOf(definition.fullName, method.name), keyOf(definition.name, method.name)]) {
      const handler = this.messageHandlers.get(key);
      if (!handler) continue;
      unused.delete(key);
      return handler;
    }
    return undefined;
  }

  private async bind(): Promise<number> {
    const { host, port } = this.options;
    const credentials = serverCredentials(this.security, host);
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    return new Promise((resolve, reject) => {
      this.server.bindAsync(address, credentials, (cause, bound) => {
        if (!cause) return resolve(bound);
        return reject(
          new FlashmeshError('internal', 'CANNOT_LISTEN', `cannot listen on ${address}`, { cause }),
        );
      });
    });
  }

  private async stop(ms: number): Promise<void> {
    const { clock = systemClock, logger } = this.options;
    const endAt = clock.monotonic() + ms;
    this.setServing(false);
    await untilQuiet(() => this.guard.arrivals, Math.min(QUIET_MS, ms / 4), ms / 2);
    this.guard.sessions.sayGoodbye();
    await pause(Math.min(GOODBYE_MS, ms / 4));
    this.health.end();
    const closed = new Promise<true>((resolve) => this.server.tryShutdown(() => resolve(true)));
    if (await settledWithin(closed, endAt - clock.monotonic())) return;
    logger.warn({ calls: this.active.size, ms }, 'the drain ran out: running calls are refused');
    const reason = unavailable('SHUTTING_DOWN', 'the server is stopping');
    for (const exchange of this.active) exchange.refuse(reason);
    if (!(await settledWithin(closed, FLUSH_MS))) this.server.forceShutdown();
  }
}

function keyOf(service: string, rpc: string): string {
  return `${service}/${rpc}`;
}

function isGrpcPattern(pattern: unknown): pattern is GrpcPattern {
  return typeof pattern === 'object' && pattern !== null && 'service' in pattern && 'rpc' in pattern;
}

function handlerOf(served: ServedMethod): UntypedServiceImplementation[string] {
  const { requestStream, responseStream } = served.method;
  if (responseStream) return requestStream ? bidiHandler(served) : serverStreamHandler(served);
  return requestStream ? clientStreamHandler(served) : unaryHandler(served);
}

function wireMethod(path: string, method: MethodDefinitionLike): ServiceDefinition[string] {
  return {
    path,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => method.requestType.decode(bytes),
    // The handler's exchange has made the bytes already.
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  };
}
