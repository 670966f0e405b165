import { murmur2 } from '@flashmesh/core';

/** How the simulated provider treats an order. */
export interface Behaviour {
  readonly declines: boolean;
  /** The money is taken, but the first answer comes later than any caller waits. */
  readonly answersLate: boolean;
  /** How often the outcome is reported. */
  readonly reports: number;
}

/** Shares of all orders, 0 to 1, that meet with a fault whatever their payment method. */
export interface Faults {
  readonly declineShare: number;
  readonly timeoutShare: number;
}

/**
 * The behaviour that a payment method's token stands for: `tok_decline…`, `tok_timeout…`, `tok_twice…`, or a plain charge. Faults come on
 * top; which orders they hit depends on the order alone, so that the provider says the same when it is asked again.
 */
export function behaviourOf(paymentMethod: string, orderId: string, faults: Faults): Behaviour {
  return {
    declines: paymentMethod.startsWith('tok_decline') || isHit(orderId, 'decline', faults.declineShare),
    answersLate: paymentMethod.startsWith('tok_timeout') || isHit(orderId, 'timeout', faults.timeoutShare),
    reports: paymentMethod.startsWith('tok_twice') ? 2 : 1,
  };
}

function isHit(orderId: string, fault: string, share: number): boolean {
  return murmur2(Buffer.from(`${fault}/${orderId}`)) / 2 ** 32 < share;
}
