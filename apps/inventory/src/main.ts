import { inventory } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { inventoryRules } from './inventory-rules.ts';
import { inventoryEnv } from './env.ts';
import { InventoryModule } from './inventory.module.ts';

await runService({
  name: 'inventory',
  env: inventoryEnv,
  module: InventoryModule,
  services: [inventory.InventoryServiceDefinition],
  rules: [inventoryRules],
});
