import { payment } from '@flashmesh/contracts';
import { runService } from '@flashmesh/service';
import { paymentEnv, paymentSettings } from './env.ts';
import { paymentRules } from './payment-rules.ts';
import { PaymentModule } from './payment.module.ts';
import { ChargeView } from './store/charge-view.ts';

await runService({
  name: 'payment',
  env: paymentEnv,
  settings: paymentSettings,
  module: PaymentModule,
  jobs: (app) => ({ rebuild: (signal) => app.get(ChargeView).renew(signal) }),
  services: [payment.PaymentServiceDefinition],
  rules: [paymentRules],
});
