import { order } from '@flashmesh/contracts';
import { defineRules } from '@flashmesh/rpc';

/** Who may call each method. Only the gateway speaks for buyers. */
export const orderRules = defineRules(order.OrderServiceDefinition, {
  placeOrder: { callers: ['gateway'] },
  getOrder: { callers: ['gateway'] },
});
