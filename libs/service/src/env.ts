import { FlashmeshError } from '@flashmesh/core';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65535);

/** What every service reads from its environment; see the docstring of each variable. */
export const baseEnv = z.object({
  /** Unique name of this instance, e.g. `inventory-1`. */
  INSTANCE_ID: z.string().min(1),
  /** The address that callers reach this instance under; servers bind to it too unless BIND_HOST says otherwise. */
  HOST: z.string().min(1).default('127.0.0.1'),
  /** The address that servers bind to, e.g. `0.0.0.0` in a pod. */
  BIND_HOST: z.string().min(1).optional(),
  /** Port of the gRPC server; 0 takes any free one. */
  GRPC_PORT: port.default(0),
  /** Port of /livez and /readyz; 0 takes any free one. */
  HEALTH_PORT: port.default(0),
  /** ZooKeeper servers: `host:port,host:port`. */
  ZOOKEEPER: z.string().min(1),
  /** Session timeout asked of ZooKeeper, in milliseconds: how long a dead instance stays listed. */
  ZOOKEEPER_SESSION_TIMEOUT_MS: z.coerce.number().int().min(1000).default(6000),
  /** Kafka brokers to start from: `host:port,host:port`. */
  KAFKA_BROKERS: z
    .string()
    .min(1)
    .transform((list) => list.split(',').map((broker) => broker.trim())),
  /** Partitions of each topic that does not exist yet. */
  KAFKA_PARTITIONS: z.coerce.number().int().min(1).default(8),
  /** Replicas of each topic that does not exist yet. */
  KAFKA_REPLICATION: z.coerce.number().int().min(1).default(1),
  /** Redis: `redis://host:port`. */
  REDIS_URL: z.url(),
  /** OTLP/gRPC collector, `http://host:4317`; without it nothing is exported. */
  OTEL_EXPORTER_OTLP_ENDPOINT: z.url().optional(),
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

export type BaseEnv = z.infer<typeof baseEnv>;

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
  if (base.success && own.success) return Object.freeze({ ...base.data, ...own.data }) as ServiceEnv<S>;
  const faults = issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new FlashmeshError(
    'invalid_argument',
    'ENVIRONMENT_INVALID',
    `the environment is not valid: ${faults}`,
  );
}
