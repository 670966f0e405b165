import { catalog, inventory, order, payment } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { orderRules } from './order-rules.ts';
import { orderEnv } from './env.ts';
import { OrderModule } from './order.module.ts';

await runService({
  name: 'order',
  env: orderEnv,
  module: OrderModule,
  services: [order.OrderServiceDefinition],
  rules: [orderRules],
  clients: [
    { definition: catalog.CatalogServiceDefinition, service: 'catalog' },
    { definition: inventory.InventoryServiceDefinition, service: 'inventory' },
    { definition: payment.PaymentServiceDefinition, service: 'payment' },
  ],
});
