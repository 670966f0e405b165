import { inventory } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { inventoryEnv, inventorySettings } from './env.ts';
import { inventoryRules } from './inventory-rules.ts';
import { InventoryModule } from './inventory.module.ts';
import { StockStore } from './store/stock-store.ts';

await runService({
  name: 'inventory',
  env: inventoryEnv,
  settings: inventorySettings,
  module: InventoryModule,
  jobs: (app) => ({ rebuild: (signal) => app.get(StockStore).renew(signal) }),
  services: [inventory.InventoryServiceDefinition],
  rules: [inventoryRules],
});
