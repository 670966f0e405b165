import { Module } from '@nestjs/common';
import { Admission } from './admission.ts';
import { OrderController } from './order.controller.ts';
import { OrderLog } from './order-log.ts';
import { PlaceOrder } from './place-order.ts';
import { Redriver } from './saga/redriver.ts';
import { SagaRunner } from './saga/saga-runner.ts';
import { SaleDirectory } from './sale-directory.ts';
import { OrderStore } from './store/order-store.ts';

/** Orders: takes them, and leads each to its one end. */
@Module({
  controllers: [OrderController],
  providers: [OrderStore, OrderLog, SaleDirectory, Admission, PlaceOrder, SagaRunner, Redriver],
})
export class OrderModule {}
