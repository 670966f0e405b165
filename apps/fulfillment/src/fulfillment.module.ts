import { Module } from '@nestjs/common';
import { FulfillmentController } from './fulfillment.controller.ts';
import { Shipments } from './store/shipments.ts';

/** Fulfillment: one shipment for each confirmed order. */
@Module({ controllers: [FulfillmentController], providers: [Shipments] })
export class FulfillmentModule {}
