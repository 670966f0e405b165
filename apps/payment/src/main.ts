import { payment } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { paymentRules } from './payment-rules.ts';
import { paymentEnv } from './env.ts';
import { PaymentModule } from './payment.module.ts';

await runService({
  name: 'payment',
  env: paymentEnv,
  module: PaymentModule,
  services: [payment.PaymentServiceDefinition],
  rules: [paymentRules],
});
