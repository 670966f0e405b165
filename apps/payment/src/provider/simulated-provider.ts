import { type Clock, sleep } from '@flashmesh/core';
import { InjectClock, InjectEnv } from '@flashmesh/service';
import { Injectable } from '@nestjs/common';
import { behaviourOf } from '../domain/behaviour.ts';
import type { PaymentEnv } from '../env.ts';
import { PaymentProvider, type ProviderAnswer, type ProviderCharge } from './payment-provider.ts';

/** Longer than the deadline of any caller. */
const LATE_ANSWER_MS = 3000;
/** Orders whose late answer is remembered as given; the oldest are forgotten. */
const REMEMBERED = 10_000;

/** A provider that behaves as the payment method's token says: see {@link behaviourOf}. */
@Injectable()
export class SimulatedProvider extends PaymentProvider {
  private readonly answeredLate = new Set<string>();
  private readonly latencyMs: number;
  private readonly clock: Clock;

  constructor(@InjectEnv() env: Pick<PaymentEnv, 'PROVIDER_LATENCY_MS'>, @InjectClock() clock: Clock) {
    super();
    this.latencyMs = env.PROVIDER_LATENCY_MS;
    this.clock = clock;
  }

  async charge({ orderId, paymentMethod }: ProviderCharge): Promise<ProviderAnswer> {
    const { declines, answersLate, reports } = behaviourOf(paymentMethod);
    const late = answersLate && this.isFirst(orderId);
    await sleep(late ? LATE_ANSWER_MS : this.latencyMs, undefined, this.clock);
    return { outcome: declines ? 'declined' : 'accepted', reports };
  }

  async cancel(): Promise<void> {
    await sleep(this.latencyMs, undefined, this.clock);
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
