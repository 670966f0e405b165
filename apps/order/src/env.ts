import { z } from 'zod';

/** Nothing besides the base. */
export const orderEnv = z.object({});
