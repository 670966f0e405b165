import { settings, type SettingsOf } from '@flashmesh/contracts';
import type { ServiceEnv, SettingsDefinition } from '@flashmesh/service';
import { z } from 'zod';

const shape = {
  /** How long the simulated provider takes to answer, in milliseconds. */
  PROVIDER_LATENCY_MS: z.coerce.number().int().min(0).default(5),
};

/** What payment reads from its environment besides the base. */
export const paymentEnv = z.object(shape);

export type PaymentEnv = ServiceEnv<typeof shape>;

export type PaymentSettings = SettingsOf<'payment'>;

/** What can be set while the service runs; faults are for trying the shop out, and off. */
export const paymentSettings: SettingsDefinition<PaymentEnv, PaymentSettings> = {
  schema: settings.payment,
  defaults: (env) => ({
    providerLatencyMs: env.PROVIDER_LATENCY_MS,
    providerDeclineShare: 0,
    providerTimeoutShare: 0,
    providerErrorShare: 0,
  }),
};
