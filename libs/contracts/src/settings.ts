import { z } from 'zod';

const amount = z
  .int('must be a whole number')
  .min(1, 'must be 1 or more')
  .max(1_000_000, 'must be at most 1000000');
const share = z.number('must be a number').min(0, 'must be 0 or more').max(1, 'must be at most 1');

/** All fields may be left out, and no others are known. */
function settingsOf<S extends z.ZodRawShape>(shape: S) {
  return z
    .strictObject(shape, {
      error: (issue) => (issue.code === 'invalid_type' ? 'must be a JSON object' : undefined),
    })
    .partial();
}

/**
 * What an operator may turn while the shop runs, by service: the limits that the environment gave, and the switches of faults to try
 * the shop out, which are off by default. Times are in milliseconds.
 */
export const settings = {
  gateway: settingsOf({
    maxInFlight: amount.describe('Order requests under way at once; for GATEWAY_MAX_IN_FLIGHT.'),
    targetMs: amount.describe('An order that takes longer lowers that number; for GATEWAY_TARGET_MS.'),
    maxWaiting: amount.describe('Order requests in line; for GATEWAY_MAX_WAITING.'),
    maxWaitMs: amount.describe('How long one waits in line; for GATEWAY_MAX_WAIT_MS.'),
    patienceMs: amount.describe('How long one waits for a service that restarts; for GATEWAY_PATIENCE_MS.'),
    maxStreams: amount.describe('Event streams open at once; for GATEWAY_MAX_STREAMS.'),
  }).meta({ id: 'GatewaySettings' }),
  order: settingsOf({
    maxOpen: amount.describe('Orders of one partition on their way; for ORDER_MAX_OPEN.'),
  }).meta({ id: 'OrderSettings' }),
  inventory: settingsOf({
    maxWaitMs: amount.describe('How long commands may wait in the log; for ADMISSION_MAX_WAIT_MS.'),
  }).meta({ id: 'InventorySettings' }),
  payment: settingsOf({
    providerLatencyMs: z
      .int('must be a whole number')
      .min(0, 'must be 0 or more')
      .max(60_000, 'must be at most 60000')
      .describe('How long the simulated provider takes; for PROVIDER_LATENCY_MS.'),
    providerDeclineShare: share.describe('Share of orders that the provider declines. Off: 0.'),
    providerTimeoutShare: share.describe(
      'Share of orders whose first answer comes later than anybody waits. Off: 0.',
    ),
    providerErrorShare: share.describe('Share of calls that the provider does not answer. Off: 0.'),
  }).meta({ id: 'PaymentSettings' }),
} as const;

/** The services that have settings. */
export type ServiceWithSettings = keyof typeof settings;

/** The settings of a service, complete. */
export type SettingsOf<S extends ServiceWithSettings> = Required<z.infer<(typeof settings)[S]>>;
