import type { ServiceEnv } from '@flashmesh/service';
import { z } from 'zod';

const shape = {
  /** How long OpenSale waits for inventory to have the stock, and any write to be read back, in milliseconds. */
  OPEN_SALE_TIMEOUT_MS: z.coerce.number().int().min(100).default(15_000),
};

/** What the catalog reads from its environment besides the base. */
export const catalogEnv = z.object(shape);

export type CatalogEnv = ServiceEnv<typeof shape>;
