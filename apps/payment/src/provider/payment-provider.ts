/** What the provider is asked to take. */
export interface ProviderCharge {
  /** The idempotency key: the provider takes the money of an order at most once. */
  readonly orderId: string;
  /** In minor units. */
  readonly amount: number;
  readonly currency: string;
  readonly paymentMethod: string;
}

/** What the provider did. */
export interface ProviderAnswer {
  readonly outcome: 'accepted' | 'declined';
  /** How often the provider reports it: providers send the same notification again. */
  readonly reports: number;
}

/** The port to whoever moves the money. Both calls are idempotent by order. */
export abstract class PaymentProvider {
  abstract charge(charge: ProviderCharge): Promise<ProviderAnswer>;
  /** Gives back what was taken for the order, if anything was; nothing is taken for it afterwards. */
  abstract cancel(orderId: string): Promise<void>;
}
