import 'reflect-metadata';
import { fileDescriptors } from '@flashmesh/contracts';
import { messageOf, sleep, systemClock, within } from '@flashmesh/core';
import { EventProducer, KafkaConnection, KafkaServer } from '@flashmesh/messaging';
import { Registry } from '@flashmesh/registry';
import {
  closeMeshClients,
  introspection,
  MeshClientModule,
  type MeshClientOptions,
  type MeshClientRegistration,
  type MeshSecurity,
  MeshServer,
  MeshTls,
  pathOf,
  reflection,
  registerMeshResolver,
  type ServiceDefinitionLike,
  type ServiceRules,
  useMeshSecurity,
} from '@flashmesh/rpc';
import { createLogger, type Logger, NestLogger, startTelemetry } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { NestFactory } from '@nestjs/core';
import type { DynamicModule, INestApplication, INestApplicationContext, Type } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { z } from 'zod';
import { connectDependencies, type Dependencies } from './dependencies.ts';
import { type BaseEnv, loadEnv, type ServiceEnv } from './env.ts';
import type { JobHandler } from './admin-jobs.ts';
import { Health, HealthServer } from './health.ts';
import type { SettingsDefinition } from './live-settings.ts';
import { logFields } from './log-fields.ts';
import { type Operations, startOperations } from './operations.ts';
import { ShutdownStack } from './shutdown.ts';
import { SocketGuard } from './socket-guard.ts';
import { tokens } from './tokens.ts';
import { TransportGroup } from './transport-group.ts';

/** A service of the mesh that this one calls; {@link serviceClient} makes one whose methods are checked by the compiler. */
export interface ServiceClient extends Omit<MeshClientRegistration, 'target'> {
  /** Its name in the registry, e.g. `inventory`. */
  readonly service: string;
}

/** A service that this one calls, with what is special about single methods of it. */
export function serviceClient<D extends ServiceDefinitionLike>(
  definition: D,
  service: string,
  options: Omit<MeshClientOptions<D>, 'target'> = {},
): ServiceClient {
  return { definition, service, ...options } as ServiceClient;
}

/** What a service is made of. */
export interface ServiceOptions<S extends z.ZodRawShape> {
  /** Name in the registry, consumer group, `service.name` in traces. */
  readonly name: string;
  /** The service's own environment variables. */
  readonly env: z.ZodObject<S>;
  /** The Nest module that holds its controllers and providers. */
  readonly module: Type;
  /** Least time between two fetches of events that bring something, in milliseconds; a service that nobody waits for takes more. */
  readonly consumerPaceMs?: number;
  /** What may be set while it runs; injected as `LiveSettings`. */
  readonly settings?: SettingsDefinition<ServiceEnv<S>, object>;
  /** gRPC services it serves. */
  readonly services?: readonly ServiceDefinitionLike[];
  /** Who may call them, and what is shed first; under TLS nobody may call a method without a rule. */
  readonly rules?: readonly ServiceRules[];
  /** gRPC services it calls. */
  readonly clients?: readonly ServiceClient[];
  /** The jobs of an admin that it does, by kind. */
  jobs?(app: INestApplicationContext): Readonly<Record<string, JobHandler>>;
  /** Whether it follows which processes there are; each of them is there for those who do. @default false */
  readonly observesMembers?: boolean;
  /** The REST side, where it has one. */
  readonly http?: {
    adapter(): AbstractHttpAdapter;
    port(env: ServiceEnv<S>): number;
    /** Returns what is called before the application is closed: lets requests under way end, moves clients elsewhere. */
    configure(app: INestApplication): (timeoutMs: number) => Promise<void>;
  };
}

/** Callers learn of a drain through a ZooKeeper watch; until then they may still call. */
const DRAIN_PROPAGATION_MS = 250;
/** ZooKeeper out of reach must not hold up a stop. */
const ANNOUNCE_DRAIN_MS = 1000;
/** How long it may take to tell what the service serves before it starts without. */
const PUBLISH_MS = 2000;
/** One step of the shutdown takes at most this much longer than the drain. */
const STEP_GRACE_MS = 2000;

/**
 * Boots a service: environment, telemetry, connections, Nest application, servers, and last its name in the registry, so
 * that nobody calls it before it can answer. SIGTERM or SIGINT undo all of it in reverse order. A failed start logs one
 * clear line and exits with 1.
 */
export async function runService<S extends z.ZodRawShape>(options: ServiceOptions<S>): Promise<void> {
  const startedAt = systemClock.monotonic();
  let env: ServiceEnv<S>;
  try {
    env = loadEnv(options.env);
  } catch (error) {
    process.stderr.write(`${options.name}: ${messageOf(error)}\n`);
    process.exit(1);
  }
  const logger = createLogger({
    service: options.name,
    instance: env.INSTANCE_ID,
    level: env.LOG_LEVEL,
    pretty: env.LOG_FORMAT === 'pretty',
    fields: logFields,
  });
  const shutdown = new ShutdownStack(logger, env.DRAIN_TIMEOUT_MS + STEP_GRACE_MS);
  stopOnSignals(shutdown, logger);
  const sockets = new SocketGuard({ logger });
  shutdown.push('socket guard', () => sockets.close());
  try {
    await start(options, env, logger, shutdown);
    logger.info({ ms: Math.round(systemClock.monotonic() - startedAt) }, 'ready');
  } catch (error) {
    logger.fatal({ err: error }, `could not start: ${messageOf(error)}`);
    await shutdown.run();
    process.exit(1);
  }
}

async function start<S extends z.ZodRawShape>(
  options: ServiceOptions<S>,
  env: ServiceEnv<S>,
  logger: Logger,
  shutdown: ShutdownStack,
): Promise<void> {
  const telemetry = startTelemetry({
    serviceName: options.name,
    serviceVersion: env.VERSION,
    instanceId: env.INSTANCE_ID,
    otlpEndpoint: env.OTEL_EXPORTER_OTLP_ENDPOINT,
    otlpMetricsEndpoint: env.OTEL_EXPORTER_OTLP_METRICS_ENDPOINT,
    otlpCa: env.collectorCa?.(),
    sampleRatio: env.TRACE_RATIO,
    logger,
  });
  shutdown.push('telemetry', () => telemetry.shutdown());

  const health = new Health();
  let started = false;
  health.addCheck('started', () => started);
  const bindHost = env.BIND_HOST ?? env.HOST;
  const healthServer = new HealthServer(health, () => telemetry.metrics());
  await healthServer.listen(env.HEALTH_PORT, bindHost);
  shutdown.push('health', () => healthServer.close());

  const dependencies = await connectDependencies(options, env, logger, shutdown);
  health.addDependency('zookeeper', () => dependencies.zookeeper.state.name === 'connected');
  health.addDependency('redis', () => dependencies.redis.status === 'ready');
  health.addDependency('kafka', () => dependencies.consumer.healthy);
  const security = meshSecurity(options.name, env, logger, shutdown);
  useMeshSecurity(security);
  registerMeshResolver(dependencies.registry, { zone: env.ZONE });
  shutdown.push('clients', () => closeMeshClients());

  const operations = await startOperations(options, env, logger, shutdown, dependencies.zookeeper);
  const { services = [] } = options;
  const calls: MeshServer | undefined = services.length
    ? new MeshServer({
        services,
        builtIn: [
          introspection({ load: () => calls?.overload }),
          ...reflection(
            fileDescriptors,
            services.map(({ fullName }) => fullName),
          ),
        ],
        rules: options.rules,
        overload: { toleratedMs: env.GRPC_TOLERATED_MS },
        host: bindHost,
        port: env.GRPC_PORT,
        security,
        logger,
      })
    : undefined;
  const strategy = new TransportGroup(calls, dependencies.consumer, env.DRAIN_TIMEOUT_MS);
  const root = rootModule(options, env, logger, health, dependencies, operations.providers);
  const nestOptions = { logger: new NestLogger(logger), abortOnError: false };
  const { http } = options;
  let context: INestApplicationContext;
  if (http) {
    const app = await NestFactory.create(root, http.adapter(), nestOptions);
    context = app;
    app.connectMicroservice({ strategy }, { inheritAppConfig: true });
    shutdown.push('application', () => app.close());
    const drain = http.configure(app);
    await app.startAllMicroservices();
    await app.listen(http.port(env), bindHost);
    shutdown.push('requests', () => drain(env.DRAIN_TIMEOUT_MS));
  } else {
    const app = await NestFactory.createMicroservice(root, { strategy, ...nestOptions });
    context = app;
    shutdown.push('application', () => app.close());
    await app.listen();
  }

  started = true;
  await operations.open(context);
  if (calls) {
    const revision = await publishMethods(options.name, services, dependencies.registry, logger);
    const announcement = await dependencies.registry.announce(options.name, {
      id: env.INSTANCE_ID,
      address: `${env.HOST}:${calls.port}`,
      version: env.VERSION,
      ...(revision !== undefined && { revision }),
      zone: env.ZONE,
      weight: 1,
    });
    // The node goes when the registry is closed, after the server: until then whoever reads it knows why calls are refused.
    shutdown.push('announcement', async () => {
      await within(announcement.drain(), ANNOUNCE_DRAIN_MS, 'saying that this instance drains').catch(
        (error: unknown) => logger.warn({ err: error }, 'callers learn of the stop from their connections'),
      );
      await sleep(DRAIN_PROPAGATION_MS);
    });
  }
  shutdown.push('readiness', () => {
    started = false;
  });
}

/** Tells tools what the service serves. Nobody's calls depend on it, so that it cannot be told is no reason not to start. */
async function publishMethods(
  name: string,
  services: NonNullable<ServiceOptions<z.ZodRawShape>['services']>,
  registry: Registry,
  logger: Logger,
): Promise<string | undefined> {
  const methods = services.flatMap((service) =>
    Object.values(service.methods).map((method) => pathOf(service, method)),
  );
  try {
    return await within(registry.publish(name, { methods }), PUBLISH_MS, 'publishing the methods');
  } catch (error) {
    logger.warn({ err: error }, 'the methods of this instance are not told');
    return undefined;
  }
}

/** @throws Error naming the file or the identity that is wrong: a service that nobody would believe does not start. */
function meshSecurity(name: string, env: BaseEnv, logger: Logger, shutdown: ShutdownStack): MeshSecurity {
  if (!env.meshTls) return env.meshPlaintext ? 'plaintext' : 'loopback';
  const tls = new MeshTls({ ...env.meshTls, logger });
  shutdown.push('certificates', () => tls.close());
  tls.requireOwn(name);
  return tls;
}

/** The service's module, with what it needs from the platform provided globally. */
function rootModule(
  options: Pick<ServiceOptions<z.ZodRawShape>, 'module' | 'clients'>,
  env: BaseEnv,
  logger: Logger,
  health: Health,
  dependencies: Dependencies,
  operations: Operations['providers'],
): DynamicModule {
  class ServiceModule {}
  const providers = [
    { provide: tokens.ENV, useValue: env },
    { provide: tokens.LOGGER, useValue: logger },
    { provide: tokens.CLOCK, useValue: systemClock },
    { provide: Health, useValue: health },
    { provide: ZooKeeper, useValue: dependencies.zookeeper },
    { provide: Registry, useValue: dependencies.registry },
    { provide: Redis, useValue: dependencies.redis },
    { provide: KafkaConnection, useValue: dependencies.kafka },
    { provide: EventProducer, useValue: dependencies.producer },
    { provide: KafkaServer, useValue: dependencies.consumer },
    ...operations,
  ];
  const clients = (options.clients ?? []).map(({ service, ...client }) => ({
    ...client,
    target: `zk:///${service}`,
  }));
  class RootModule {}
  return {
    module: RootModule,
    imports: [
      { module: ServiceModule, global: true, providers, exports: providers.map(({ provide }) => provide) },
      MeshClientModule.register(clients),
      options.module,
    ],
  };
}

function stopOnSignals(shutdown: ShutdownStack, logger: Logger): void {
  const stop = (signal: NodeJS.Signals) => {
    logger.info({ signal }, 'stopping');
    void shutdown.run().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // A state that nobody thought of is not worth keeping: end, and let whoever runs the service start it afresh.
  const die = (error: unknown) => {
    logger.fatal({ err: error }, 'an error that nothing handled');
    process.exit(1);
  };
  process.once('uncaughtException', die);
  process.once('unhandledRejection', die);
}
