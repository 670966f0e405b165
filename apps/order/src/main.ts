import { catalog, inventory, order, payment } from '@flashmesh/contracts';
import { runService, serviceClient } from '@flashmesh/service';
import { orderEnv, orderSettings } from './env.ts';
import { orderRules } from './order-rules.ts';
import { OrderModule } from './order.module.ts';
import { OrderStore } from './store/order-store.ts';

await runService({
  name: 'order',
  env: orderEnv,
  settings: orderSettings,
  module: OrderModule,
  jobs: (app) => ({ rebuild: (signal) => app.get(OrderStore).renew(signal) }),
  services: [order.OrderServiceDefinition],
  rules: [orderRules],
  clients: [
    serviceClient(catalog.CatalogServiceDefinition, 'catalog', {
      // A product's calls go to the replica that has it in its near cache.
      balancing: { policy: 'ring_hash' },
      methods: {
        getProduct: { affinityKey: ({ sku }) => sku },
        getSale: { affinityKey: ({ saleId }) => saleId, hedge: true },
      },
    }),
    serviceClient(inventory.InventoryServiceDefinition, 'inventory', {
      // It stands at the door: the slowest few are asked twice.
      methods: { checkAdmission: { hedge: { percentile: 0.99 } } },
    }),
    { definition: payment.PaymentServiceDefinition, service: 'payment' },
  ],
});
