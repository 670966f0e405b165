import { runService } from '@flashmesh/service';
import { fulfillmentEnv } from './env.ts';
import { FulfillmentModule } from './fulfillment.module.ts';

await runService({
  name: 'fulfillment',
  env: fulfillmentEnv,
  module: FulfillmentModule,
  consumerPaceMs: 100,
});
