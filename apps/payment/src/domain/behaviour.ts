/** How the simulated provider treats a payment method. */
export interface Behaviour {
  readonly declines: boolean;
  /** The money is taken, but the first answer comes later than any caller waits. */
  readonly answersLate: boolean;
  /** How often the outcome is reported. */
  readonly reports: number;
}

/** The behaviour that a payment method's token stands for: `tok_decline…`, `tok_timeout…`, `tok_twice…`, or a plain charge. */
export function behaviourOf(paymentMethod: string): Behaviour {
  return {
    declines: paymentMethod.startsWith('tok_decline'),
    answersLate: paymentMethod.startsWith('tok_timeout'),
    reports: paymentMethod.startsWith('tok_twice') ? 2 : 1,
  };
}
