import { catalog, inventory } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { CatalogModule } from './catalog.module.ts';
import { catalogRules } from './catalog-rules.ts';
import { catalogEnv } from './env.ts';

await runService({
  name: 'catalog',
  env: catalogEnv,
  module: CatalogModule,
  services: [catalog.CatalogServiceDefinition],
  rules: [catalogRules],
  clients: [{ definition: inventory.InventoryServiceDefinition, service: 'inventory' }],
});
