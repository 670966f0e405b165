import { settings, type SettingsOf } from '@flashmesh/contracts';
import type { SettingsDefinition } from '@flashmesh/service';
import { z } from 'zod';

/** What the gateway reads beyond the base environment. */
export const gatewayEnv = z.object({
  /** Port of the REST side; 0 takes any free one. */
  HTTP_PORT: z.coerce.number().int().min(0).max(65535).default(8080),
  /** Signs buyer tokens; every gateway instance has the same. */
  TOKEN_SECRET: z.string().min(16),
  /** How long a buyer token is good, in seconds. */
  TOKEN_TTL_SECONDS: z.coerce
    .number()
    .int()
    .min(60)
    .default(24 * 60 * 60),
  /** What an admin presents as a bearer token. */
  ADMIN_TOKEN: z.string().min(8),
  /** Order requests under way at once, at most; the next ones wait. */
  GATEWAY_MAX_IN_FLIGHT: z.coerce.number().int().min(1).default(256),
  /** An order that takes longer says that too many are under way: fewer are let in at a time, in milliseconds. */
  GATEWAY_TARGET_MS: z.coerce.number().int().min(1).default(2000),
  /** How long an order request waits for its turn before it is refused with 429, in milliseconds. */
  GATEWAY_MAX_WAIT_MS: z.coerce.number().int().min(1).default(15_000),
  /** Order requests that wait for their turn; the next one is refused with 429. */
  GATEWAY_MAX_WAITING: z.coerce.number().int().min(1).default(3072),
  /** How long a buyer's request waits for services that restart or fail over before it is answered 503, in milliseconds. */
  GATEWAY_PATIENCE_MS: z.coerce.number().int().min(1).default(15_000),
  /** Streams of order events open at once; the next one is refused with 429. */
  GATEWAY_MAX_STREAMS: z.coerce.number().int().min(1).default(2000),
});

export type GatewayEnv = z.infer<typeof gatewayEnv>;

export type GatewaySettings = SettingsOf<'gateway'>;

/** What can be set while the service runs. */
export const gatewaySettings: SettingsDefinition<GatewayEnv, GatewaySettings> = {
  schema: settings.gateway,
  defaults: (env) => ({
    maxInFlight: env.GATEWAY_MAX_IN_FLIGHT,
    targetMs: env.GATEWAY_TARGET_MS,
    maxWaiting: env.GATEWAY_MAX_WAITING,
    maxWaitMs: env.GATEWAY_MAX_WAIT_MS,
    patienceMs: env.GATEWAY_PATIENCE_MS,
    maxStreams: env.GATEWAY_MAX_STREAMS,
  }),
};
