import { payment } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { paymentEnv, paymentSettings } from './env.ts';
import { PaymentModule } from './payment.module.ts';

await runService({
  name: 'payment',
  env: paymentEnv,
  settings: paymentSettings,
  module: PaymentModule,
  services: [payment.PaymentServiceDefinition],
});
