import { type Clock, sleep, unavailable } from '@flashmesh/core';
import { InjectClock, LiveSettings } from '@flashmesh/service';
import { Injectable, Optional } from '@nestjs/common';
import { behaviourOf } from '../domain/behaviour.ts';
import type { PaymentSettings } from '../env.ts';
import { PaymentProvider, type ProviderAnswer, type ProviderCharge } from './payment-provider.ts';

/** Longer than the deadline of any caller. */
const LATE_ANSWER_MS = 3000;
/** Orders whose late answer is remembered as given; the oldest are forgotten. */
const REMEMBERED = 10_000;

/** A provider that behaves as the payment method's token and the settings say: see {@link behaviourOf}. */
@Injectable()
export class SimulatedProvider extends PaymentProvider {
  private readonly answeredLate = new Set<string>();
  private readonly settings: LiveSettings<PaymentSettings>;
  private readonly clock: Clock;
  private readonly random: () => number;

  /** @param random uniform in [0, 1). */
  constructor(
    settings: LiveSettings<PaymentSettings>,
    @InjectClock() clock: Clock,
    @Optional() random: () => number = Math.random,
  ) {
    super();
    this.settings = settings;
    this.clock = clock;
    this.random = random;
  }

  /** @throws FlashmeshError `unavailable` (`PROVIDER_UNAVAILABLE`): nobody knows whether the money was taken. */
  async charge({ orderId, paymentMethod }: ProviderCharge): Promise<ProviderAnswer> {
    const { providerDeclineShare, providerTimeoutShare } = this.settings.current;
    const faults = { declineShare: providerDeclineShare, timeoutShare: providerTimeoutShare };
    const { declines, answersLate, reports } = behaviourOf(paymentMethod, orderId, faults);
    await this.answer(answersLate && this.isFirst(orderId));
    return { outcome: declines ? 'declined' : 'accepted', reports };
  }

  /** @throws FlashmeshError as {@link charge}. */
  async cancel(): Promise<void> {
    await this.answer(false);
  }

  private async answer(late: boolean): Promise<void> {
    const { providerLatencyMs, providerErrorShare } = this.settings.current;
    await sleep(late ? LATE_ANSWER_MS : providerLatencyMs, undefined, this.clock);
    if (this.random() < providerErrorShare) {
      throw unavailable('PROVIDER_UNAVAILABLE', 'the payment provider does not answer');
    }
  }

  private isFirst(orderId: string): boolean {
    if (this.answeredLate.has(orderId)) return false;
    this.answeredLate.add(orderId);
    if (this.answeredLate.size > REMEMBERED) {
      const [oldest] = this.answeredLate;
      if (oldest !== undefined) this.answeredLate.delete(oldest);
    }
    return true;
  }
}
