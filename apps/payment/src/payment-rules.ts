import { payment } from '@flashmesh/contracts';
import { defineRules } from '@flashmesh/rpc';

/** Who may call each method. An order that has units waits for these: they go last when there is too much to do. */
export const paymentRules = defineRules(payment.PaymentServiceDefinition, {
  charge: { callers: ['order'], priority: 'critical' },
  void: { callers: ['order'], priority: 'critical' },
});
