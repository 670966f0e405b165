import { settings, type SettingsOf } from '@flashmesh/contracts';
import type { ServiceEnv, SettingsDefinition } from '@flashmesh/service';
import { z } from 'zod';

const shape = {
  /** How long commands may wait in the log before admission answers BUSY, in milliseconds. */
  ADMISSION_MAX_WAIT_MS: z.coerce.number().int().min(1).default(5000),
  /** How old the stock may be that admission and GetStock look at, in milliseconds. */
  STOCK_VIEW_MS: z.coerce.number().int().min(1).default(50),
  /** How often the elected leader looks for unpaid reservations, in milliseconds. */
  EXPIRY_SWEEP_MS: z.coerce.number().int().min(10).default(1000),
};

/** What inventory reads from its environment besides the base. */
export const inventoryEnv = z.object(shape);

export type InventoryEnv = ServiceEnv<typeof shape>;

export type InventorySettings = SettingsOf<'inventory'>;

/** What can be set while the service runs. */
export const inventorySettings: SettingsDefinition<InventoryEnv, InventorySettings> = {
  schema: settings.inventory,
  defaults: (env) => ({ maxWaitMs: env.ADMISSION_MAX_WAIT_MS }),
};
