import { type order } from '@flashmesh/contracts';
import { invalidArgument } from '@flashmesh/core';

/** The largest value of the wire's int32. */
const MAX_QUANTITY = 2 ** 31 - 1;

const rules = {
  buyerId: [/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1 to 128 characters of [A-Za-z0-9._:-]'],
  idempotencyKey: [/^[A-Za-z0-9._:-]{1,128}$/, 'must be 1 to 128 characters of [A-Za-z0-9._:-]'],
  saleId: [/^[a-z0-9-]{1,64}$/, 'must be 1 to 64 characters of [a-z0-9-]'],
  sku: [/^[a-z0-9-]{1,64}$/, 'must be 1 to 64 characters of [a-z0-9-]'],
  paymentMethod: [/^tok_[a-z0-9_]{1,60}$/, 'must be "tok_" and 1 to 60 characters of [a-z0-9_]'],
} as const satisfies Partial<Record<keyof order.PlaceOrderRequest, readonly [RegExp, string]>>;

/**
 * Checks the shape of every field, knowing nothing of the sale.
 *
 * @throws FlashmeshError `invalid_argument` naming the first field that breaks its rule.
 */
export function checkRequest(request: order.PlaceOrderRequest): void {
  for (const [field, [pattern, rule]] of Object.entries(rules)) {
    if (!pattern.test(request[field as keyof typeof rules])) throw invalidArgument(field, rule);
  }
  const { quantity } = request;
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > MAX_QUANTITY) {
    throw invalidArgument('quantity', 'must be a whole number of 1 or more');
  }
}
