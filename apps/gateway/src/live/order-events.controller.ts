import { type order, topics } from '@flashmesh/contracts';
import { type IncomingEvent, OnEvent } from '@flashmesh/messaging';
import { Controller } from '@nestjs/common';
import { OrderChanges } from './order-changes.ts';

/** Every instance hears of every order: its buyer may be watching here. */
@Controller()
export class OrderEventsController {
  private readonly changes: OrderChanges;

  constructor(changes: OrderChanges) {
    this.changes = changes;
  }

  @OnEvent(topics.orderEvents, { batch: 200, broadcast: true, from: 'latest' })
  onOrders(events: IncomingEvent<order.OrderEvent>[]): void {
    for (const { data } of events) if (data.order) this.changes.publish(data.order);
  }
}
