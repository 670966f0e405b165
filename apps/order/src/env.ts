import { settings, type SettingsOf } from '@flashmesh/contracts';
import type { ServiceEnv, SettingsDefinition } from '@flashmesh/service';
import { z } from 'zod';

const shape = {
  /**
   * Orders of one partition that may be on their way; the next one is refused (`BUSY`). Taking an order is quicker than leading it to its
   * end: without a bound a long rush makes buyers wait for minutes to learn what became of theirs.
   */
  ORDER_MAX_OPEN: z.coerce.number().int().min(1).default(2000),
};

/** What the order service reads from its environment besides the base. */
export const orderEnv = z.object(shape);

export type OrderEnv = ServiceEnv<typeof shape>;

export type OrderSettings = SettingsOf<'order'>;

/** What can be set while the service runs. */
export const orderSettings: SettingsDefinition<OrderEnv, OrderSettings> = {
  schema: settings.order,
  defaults: (env) => ({ maxOpen: env.ORDER_MAX_OPEN }),
};
