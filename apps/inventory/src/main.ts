import { inventory } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { inventoryEnv, inventorySettings } from './env.ts';
import { InventoryModule } from './inventory.module.ts';

await runService({
  name: 'inventory',
  env: inventoryEnv,
  settings: inventorySettings,
  module: InventoryModule,
  services: [inventory.InventoryServiceDefinition],
});
