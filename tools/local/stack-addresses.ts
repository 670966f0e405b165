import type { Secrets } from './secrets.ts';
import type { StackPorts } from './stack-ports.ts';

/** Where everything is, for people and tests. */
export interface StackAddresses {
  /** `host:port`, of an ensemble all of them with commas between. */
  readonly zookeeper: string;
  readonly kafka: string;
  readonly redis: string;
  /** Base URL of the REST side. */
  readonly gateway: string;
  /** OTLP over gRPC. */
  readonly otlp: string;
  /** Base URL of the trace query API. */
  readonly traces: string;
  /** `host:port` of each instance's gRPC server. */
  readonly grpc: Readonly<Record<string, string>>;
}

export function addressesOf(ports: StackPorts): StackAddresses {
  return {
    zookeeper: ports.zookeeper.map(({ client }) => `127.0.0.1:${client}`).join(','),
    kafka: `127.0.0.1:${ports.kafka}`,
    redis: `redis://127.0.0.1:${ports.redis}`,
    gateway: `http://127.0.0.1:${ports.gateway}`,
    otlp: `http://127.0.0.1:${ports.otlp}`,
    traces: `http://127.0.0.1:${ports.http}`,
    grpc: Object.fromEntries(Object.entries(ports.grpc).map(([name, port]) => [name, `127.0.0.1:${port}`])),
  };
}

/** For specs, scripts and tools that talk to the stack. */
export function clientEnv(
  addresses: StackAddresses,
  adminToken: string,
  logs: string,
): Record<string, string> {
  const { zookeeper, kafka, redis, gateway, traces } = addresses;
  return {
    ZOOKEEPER: zookeeper,
    KAFKA_BROKERS: kafka,
    REDIS_URL: redis,
    GATEWAY_URL: gateway,
    TRACES_URL: traces,
    ADMIN_TOKEN: adminToken,
    STACK_LOGS: logs,
  };
}

/** What every app needs besides its own name and ports. */
export function appEnv(addresses: StackAddresses, secrets: Secrets): Record<string, string> {
  return {
    ZOOKEEPER: addresses.zookeeper,
    KAFKA_BROKERS: addresses.kafka,
    REDIS_URL: addresses.redis,
    OTEL_EXPORTER_OTLP_ENDPOINT: addresses.otlp,
    // A machine this small fills few partitions at a time, and each costs.
    KAFKA_PARTITIONS: '4',
    // The full line is 12 s long on two cores, and much longer while a killed process is missed: nobody is to give up on that.
    GATEWAY_MAX_WAIT_MS: '30000',
    NODE_ENV: 'production',
    ...secrets,
  };
}
