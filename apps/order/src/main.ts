import { catalog, inventory, order, payment } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { orderEnv, orderSettings } from './env.ts';
import { OrderModule } from './order.module.ts';
import { OrderStore } from './store/order-store.ts';

await runService({
  name: 'order',
  env: orderEnv,
  settings: orderSettings,
  module: OrderModule,
  jobs: (app) => ({ rebuild: (signal) => app.get(OrderStore).renew(signal) }),
  services: [order.OrderServiceDefinition],
  clients: [
    { definition: catalog.CatalogServiceDefinition, service: 'catalog' },
    { definition: inventory.InventoryServiceDefinition, service: 'inventory' },
    { definition: payment.PaymentServiceDefinition, service: 'payment' },
  ],
});
