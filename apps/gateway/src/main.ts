import { catalog, event, inventory, order } from '@flashmesh/contracts';
import { runService, serviceClient } from '@flashmesh/service';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { admitOrders } from './admission/admit-orders.ts';
import { WaitingRoom } from './admission/waiting-room.ts';
import { gatewayEnv, gatewaySettings } from './env.ts';
import { GatewayModule } from './gateway.module.ts';
import { serveDocs } from './http/docs.ts';
import { RequestDrain } from './http/drain.ts';
import { GatewayAdapter } from './http/gateway-adapter.ts';
import { openApiDocument } from './http/openapi.ts';
import { traceRequests } from './http/tracing.ts';
import { ingestRules } from './ingest/ingest-rules.ts';

await runService({
  name: 'gateway',
  env: gatewayEnv,
  settings: gatewaySettings,
  module: GatewayModule,
  observesMembers: true,
  services: [event.IngestDefinition],
  rules: [ingestRules],
  clients: [
    { definition: order.OrderServiceDefinition, service: 'order' },
    serviceClient(catalog.CatalogServiceDefinition, 'catalog', {
      // A product's calls go to the replica that has it in its near cache.
      balancing: { policy: 'ring_hash' },
      methods: {
        getProduct: { affinityKey: ({ sku }) => sku, hedge: true },
        getSale: { affinityKey: ({ saleId }) => saleId, hedge: true },
      },
    }),
    serviceClient(inventory.InventoryServiceDefinition, 'inventory', {
      methods: { getStock: { hedge: true } },
    }),
  ],
  http: {
    adapter: () => new GatewayAdapter(),
    port: (env) => env.HTTP_PORT,
    configure(app) {
      const server = (app as NestFastifyApplication).getHttpAdapter().getInstance();
      const drain = new RequestDrain(server);
      const room = app.get(WaitingRoom);
      admitOrders(server, room);
      traceRequests(server);
      serveDocs(server, () => openApiDocument(app));
      return (timeoutMs) => {
        const drained = drain.run(timeoutMs);
        room.close();
        return drained;
      };
    },
  },
});
