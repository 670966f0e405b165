import { Module } from '@nestjs/common';
import { Charging } from './charging.ts';
import { LedgerLog } from './ledger-log.ts';
import { PaymentController } from './payment.controller.ts';
import { PaymentProvider } from './provider/payment-provider.ts';
import { SimulatedProvider } from './provider/simulated-provider.ts';
import { ChargeView } from './store/charge-view.ts';

/** Payments: every order is charged at most once, and the ledger tells. */
@Module({
  controllers: [PaymentController],
  providers: [Charging, ChargeView, LedgerLog, { provide: PaymentProvider, useClass: SimulatedProvider }],
})
export class PaymentModule {}
