import { runService } from '@flashmesh/service';
import { fulfillmentEnv } from './env.ts';
import { FulfillmentModule } from './fulfillment.module.ts';
import { Shipments } from './store/shipments.ts';

await runService({
  name: 'fulfillment',
  env: fulfillmentEnv,
  module: FulfillmentModule,
  jobs: (app) => ({ rebuild: (signal) => app.get(Shipments).renew(signal) }),
  consumerPaceMs: 100,
});
