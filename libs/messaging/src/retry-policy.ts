import { FlashmeshError } from '@flashmesh/core';
import { isTransient } from './transient.ts';

/** How a failed handler is tried again. */
export interface RetryPolicy {
  /** First wait, in milliseconds; it doubles with every further failure. */
  readonly initialDelayMs: number;
  /** Longest wait, in milliseconds. */
  readonly maxDelayMs: number;
  /** How often a handler is called for a message that fails for a reason of its own, before it is dead-lettered. */
  readonly poisonAttempts: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = { initialDelayMs: 50, maxDelayMs: 2000, poisonAttempts: 3 };

/** What to do about a failure. */
export type FailureDecision =
  { readonly action: 'retry'; readonly delayMs: number } | { readonly action: 'give-up' };

/** The failures of one message, or of one batch, so far; decides about the next. */
export class RetryBudget {
  private readonly policy: RetryPolicy;
  private readonly random: () => number;
  private failures = 0;
  private poisonFailures = 0;

  constructor(policy: RetryPolicy, random: () => number = Math.random) {
    this.policy = policy;
    this.random = random;
  }

  /**
   * A transient failure is retried for as long as it takes: the message is fine, and what comes after it in its partition
   * would fail too. Any other failure is retried until the attempts are used up.
   */
  decide(error: unknown): FailureDecision {
    this.failures++;
    if (!isTransient(error) && ++this.poisonFailures >= this.policy.poisonAttempts) {
      return { action: 'give-up' };
    }
    const grown = this.policy.initialDelayMs * 2 ** Math.min(this.failures - 1, 16);
    const asked = error instanceof FlashmeshError ? (error.retryAfterMs ?? 0) : 0;
    const ceiling = Math.min(Math.max(grown, asked), this.policy.maxDelayMs);
    // Half fixed, half random: partitions that failed together do not come back together.
    return { action: 'retry', delayMs: Math.round(ceiling * (0.5 + this.random() / 2)) };
  }
}
