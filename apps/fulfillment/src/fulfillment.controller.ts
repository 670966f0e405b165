import { type order, topics } from '@flashmesh/contracts';
import { type IncomingEvent, OnEvent } from '@flashmesh/messaging';
import { Controller } from '@nestjs/common';
import { Shipments } from './store/shipments.ts';

/** Orders come in; shipments are scheduled. */
@Controller()
export class FulfillmentController {
  private readonly shipments: Shipments;

  constructor(shipments: Shipments) {
    this.shipments = shipments;
  }

  @OnEvent(topics.orderEvents, { batch: 200 })
  async onOrders(events: IncomingEvent<order.OrderEvent>[]): Promise<void> {
    await this.shipments.schedule(events);
  }
}
