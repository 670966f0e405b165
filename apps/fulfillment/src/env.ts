import { z } from 'zod';

/** Fulfillment needs nothing beyond what every service reads. */
export const fulfillmentEnv = z.object({});
