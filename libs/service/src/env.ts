import { environmentInvalid } from '@flashmesh/core';
import { z } from 'zod';
import { type MeshSettings, readMeshSettings } from './mesh-security.ts';
import { type PeersSecurity, readPeersSecurity } from './peers-security.ts';

const port = z.coerce.number().int().min(0).max(65535);
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const addressList = z
  .string()
  .min(1)
  .transform((list) => list.split(',').map((address) => address.trim()));

/**
 * What every service reads from its environment; see the docstring of each variable. Beside it, for the prefixes `KAFKA`,
 * `ZOOKEEPER` and `REDIS`:
 *
 * - `<prefix>_TLS`: `true` talks TLS 1.2 or newer, and the server's certificate must be made out to its host name;
 * - `<prefix>_CA_FILE`: PEM certificates of the authorities to trust, by default those that come with Node;
 * - `<prefix>_USERNAME` and `<prefix>_PASSWORD_FILE`: who the service is (Kafka: SASL SCRAM-SHA-512; ZooKeeper: digest, which
 *   also makes its nodes private; Redis: an ACL user, in place of one in the URL).
 *
 * Calls between services are in plain text on loopback addresses only, unless:
 *
 * - `GRPC_CERT_FILE`, `GRPC_KEY_FILE`, `GRPC_CA_FILE`: PEM files for mutual TLS, looked at again every 10 seconds;
 * - `GRPC_IDENTITY`: how services are called in certificates, e.g. `spiffe://cluster.local/ns/shop/sa/flashmesh-{service}`;
 * - `GRPC_PLAINTEXT`: `true` where something else protects the network.
 *
 * `REDIS_SENTINEL_USERNAME` and `REDIS_SENTINEL_PASSWORD_FILE` are for the sentinels, which talk TLS when Redis does. Files are
 * read again whenever a connection is opened.
 */
export const baseEnv = z.object({
  /** Unique name of this instance, e.g. `inventory-1`. */
  INSTANCE_ID: z.string().min(1),
  /** The address that callers reach this instance under; servers bind to it too unless BIND_HOST says otherwise. */
  HOST: z.string().min(1).default('127.0.0.1'),
  /** The address that servers bind to, e.g. `0.0.0.0` in a pod. */
  BIND_HOST: z.string().min(1).optional(),
  /** Port of the gRPC server; 0 takes any free one. */
  GRPC_PORT: port.default(0),
  /** A call that takes up to this long is no sign of overload, in milliseconds: how long callers can well wait. */
  GRPC_TOLERATED_MS: z.coerce.number().int().min(1).default(400),
  /** Port of /livez, /readyz and /metrics; 0 takes any free one. */
  HEALTH_PORT: port.default(0),
  /** ZooKeeper servers: `host:port,host:port`. */
  ZOOKEEPER: z.string().min(1),
  /** Session timeout asked of ZooKeeper, in milliseconds: how long a dead instance stays listed. */
  ZOOKEEPER_SESSION_TIMEOUT_MS: z.coerce.number().int().min(1000).default(6000),
  /** Kafka brokers to start from: `host:port,host:port`. */
  KAFKA_BROKERS: addressList,
  /** Partitions of each topic that does not exist yet. */
  KAFKA_PARTITIONS: z.coerce.number().int().min(1).default(8),
  /** Replicas of each topic that does not exist yet. */
  KAFKA_REPLICATION: z.coerce.number().int().min(1).default(1),
  /** Whether the service creates the topics that are missing; without, it waits until somebody else has. */
  KAFKA_CREATE_TOPICS: flag.default(true),
  /** Redis: `redis://host:port`, or `rediss:` for TLS. Either this or REDIS_SENTINELS. */
  REDIS_URL: z.url({ protocol: /^rediss?$/ }).optional(),
  /** Sentinels that know which Redis is the master: `host:port,host:port`. */
  REDIS_SENTINELS: addressList.optional(),
  /** What the sentinels call it. */
  REDIS_MASTER_NAME: z.string().min(1).optional(),
  /** How long a service waits at start for ZooKeeper, Kafka and its topics, and Redis, before it gives up, in milliseconds. */
  START_TIMEOUT_MS: z.coerce.number().int().min(100).default(30_000),
  /** OTLP/gRPC collector of traces, `http://host:4317`, or `https:` for TLS; without it no trace is recorded. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** OTLP/gRPC collector that metrics are pushed to; without it they are only served at /metrics. */
  OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** Share of new traces that are recorded. */
  TRACE_RATIO: z.coerce.number().min(0).max(1).default(1),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  /** `json` for machines, `pretty` for a terminal. */
  LOG_FORMAT: z.enum(['json', 'pretty']).default('json'),
  /** Where this instance runs; callers prefer their own zone. */
  ZONE: z.string().min(1).default('local'),
  VERSION: z.string().min(1).default('0.1.0'),
  /** How long a stopping instance waits for calls under way, in milliseconds. */
  DRAIN_TIMEOUT_MS: z.coerce.number().int().min(0).default(5000),
});

export type BaseEnv = z.infer<typeof baseEnv> & PeersSecurity & MeshSettings;

/** The checked environment of a service: the base and its own variables. */
export type ServiceEnv<S extends z.ZodRawShape> = BaseEnv & z.infer<z.ZodObject<S>>;

/**
 * Reads and checks the environment once. The result is frozen.
 *
 * @throws FlashmeshError `ENVIRONMENT_INVALID` that lists every fault, not only the first.
 */
export function loadEnv<S extends z.ZodRawShape>(
  schema: z.ZodObject<S>,
  environment: Record<string, string | undefined> = process.env,
): ServiceEnv<S> {
  // An empty variable counts as unset, as it does in most deployments.
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const base = baseEnv.safeParse(given);
  const own = schema.safeParse(given);
  const issues = [...(base.error?.issues ?? []), ...(own.error?.issues ?? [])];
  const faults = issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  const security = { ...readPeersSecurity(given, faults), ...readMeshSettings(given, faults) };
  if (base.success && own.success && faults.length === 0) {
    return Object.freeze({ ...base.data, ...own.data, ...security }) as ServiceEnv<S>;
  }
  throw environmentInvalid(faults);
}
