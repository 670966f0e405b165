import type { payment } from '@flashmesh/contracts';
import { invalidArgument } from '@flashmesh/core';

const ID = /^[A-Za-z0-9._:-]{1,128}$/;
const ID_RULE = 'must be 1 to 128 characters of [A-Za-z0-9._:-]';

/** @throws FlashmeshError `invalid_argument` naming the first field that breaks its rule. */
export function checkCharge(request: payment.ChargeRequest): void {
  const { orderId, buyerId, amount, currency, paymentMethod } = request;
  if (!ID.test(orderId)) throw invalidArgument('orderId', ID_RULE);
  if (!ID.test(buyerId)) throw invalidArgument('buyerId', ID_RULE);
  if (!Number.isSafeInteger(amount) || amount < 1) {
    throw invalidArgument('amount', 'must be a positive whole number of minor units');
  }
  if (!/^[A-Z]{3}$/.test(currency)) throw invalidArgument('currency', 'must be an ISO 4217 code');
  if (!/^tok_[a-z0-9_]{1,60}$/.test(paymentMethod)) {
    throw invalidArgument('paymentMethod', 'must be "tok_" and 1 to 60 characters of [a-z0-9_]');
  }
}

/** @throws FlashmeshError `invalid_argument` naming the field that breaks its rule. */
export function checkVoid({ orderId, reason }: payment.VoidRequest): void {
  if (!ID.test(orderId)) throw invalidArgument('orderId', ID_RULE);
  if (reason.length > 200) throw invalidArgument('reason', 'must be at most 200 characters');
}
