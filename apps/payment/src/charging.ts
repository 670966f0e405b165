import type { payment } from '@flashmesh/contracts';
import { FlashmeshError, SingleFlight } from '@flashmesh/core';
import { Injectable } from '@nestjs/common';
import { type Charge, outcomeOf } from './domain/charge.ts';
import { checkCharge, checkVoid } from './domain/request.ts';
import { LedgerLog } from './ledger-log.ts';
import { PaymentProvider } from './provider/payment-provider.ts';
import { ChargeView, type Seen } from './store/charge-view.ts';

/**
 * Charges and voids, each once per order. The view decides, the ledger is told, and only then is the caller answered. Work
 * that was begun goes on when its caller gives up: the outcome is there when the caller asks again.
 */
@Injectable()
export class Charging {
  private readonly charges = new SingleFlight<string, payment.ChargeOutcome>();
  private readonly voids = new SingleFlight<string, boolean>();
  private readonly view: ChargeView;
  private readonly ledger: LedgerLog;
  private readonly provider: PaymentProvider;

  constructor(view: ChargeView, ledger: LedgerLog, provider: PaymentProvider) {
    this.view = view;
    this.ledger = ledger;
    this.provider = provider;
  }

  /** @throws FlashmeshError as documented at `PaymentService.Charge`. */
  async charge(request: payment.ChargeRequest): Promise<payment.ChargeOutcome> {
    checkCharge(request);
    const { orderId, amount, currency } = request;
    return this.charges.run(`${orderId}/${amount}/${currency}`, () => this.chargeOnce(request));
  }

  /** Whether money went back. @throws FlashmeshError as documented at `PaymentService.Void`. */
  async void(request: payment.VoidRequest): Promise<boolean> {
    checkVoid(request);
    return this.voids.run(request.orderId, () => this.voidOnce(request));
  }

  private async chargeOnce(request: payment.ChargeRequest): Promise<payment.ChargeOutcome> {
    const { orderId, buyerId, amount, currency, paymentMethod } = request;
    const wanted = { orderId, buyerId, amount, currency };
    const seen = await this.view.step('ask', wanted);
    requireSameMoney(seen.charge, request);
    if (seen.charge.state !== 'PENDING') {
      await this.ledger.track(() => this.tell(seen));
      return this.answer(seen.charge);
    }
    const { outcome, reports } = await this.provider.charge({ orderId, amount, currency, paymentMethod });
    const decided = await this.ledger.track(async () => {
      const after = await this.view.step(outcome, wanted, seen.epoch);
      // A notification that comes twice leaves two entries with one id, of which the first counts.
      for (let report = 1; report < reports; report++) await this.ledger.append(after.charge);
      await this.tell(after);
      return after.charge;
    });
    return this.answer(decided);
  }

  private async answer({ orderId, state }: Charge): Promise<payment.ChargeOutcome> {
    // The void came first, and the provider may have been asked to charge at the same moment: what it took goes back.
    if (state === 'VOIDED') await this.provider.cancel(orderId);
    return outcomeOf(state);
  }

  private voidOnce({ orderId, reason }: payment.VoidRequest): Promise<boolean> {
    return this.ledger.track(async () => {
      const seen = await this.view.step('void', { orderId, buyerId: '', amount: 0, currency: '' });
      const { state, logged } = seen.charge;
      if (!logged && (state === 'VOIDED' || state === 'REFUNDED')) await this.provider.cancel(orderId);
      await this.tell(seen, reason);
      return state === 'REFUNDED';
    });
  }

  /** Makes sure that the ledger tells the charge's state. */
  private async tell(seen: Seen, reason?: string): Promise<void> {
    if (seen.charge.logged) return;
    await this.ledger.append(seen.charge, reason);
    await this.view.markLogged(seen);
  }
}

/** @throws FlashmeshError `failed_precondition` (`AMOUNT_MISMATCH`) when the order's money is known to be another sum. */
function requireSameMoney(known: Charge, asked: payment.ChargeRequest): void {
  // Where no money moved the ledger tells no amount.
  if (known.amount === 0 || (known.amount === asked.amount && known.currency === asked.currency)) return;
  throw new FlashmeshError(
    'failed_precondition',
    'AMOUNT_MISMATCH',
    `order ${asked.orderId} was charged with another amount`,
    { field: 'amount' },
  );
}
