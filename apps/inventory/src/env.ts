import type { ServiceEnv } from '@flashmesh/service';
import { z } from 'zod';

const shape = {
  /** Commands that may wait in a partition before admission answers BUSY. */
  ADMISSION_MAX_BACKLOG: z.coerce.number().int().min(1).default(20_000),
  /** How old the stock may be that admission and GetStock look at, in milliseconds. */
  STOCK_VIEW_MS: z.coerce.number().int().min(1).default(50),
  /** How often the elected leader looks for unpaid reservations, in milliseconds. */
  EXPIRY_SWEEP_MS: z.coerce.number().int().min(10).default(1000),
};

/** What inventory reads from its environment besides the base. */
export const inventoryEnv = z.object(shape);

export type InventoryEnv = ServiceEnv<typeof shape>;
