import type { ServiceEnv } from '@flashmesh/service';
import { z } from 'zod';

const shape = {
  /** How long the simulated provider takes to answer, in milliseconds. */
  PROVIDER_LATENCY_MS: z.coerce.number().int().min(0).default(5),
};

/** What payment reads from its environment besides the base. */
export const paymentEnv = z.object(shape);

export type PaymentEnv = ServiceEnv<typeof shape>;
