import { type order, topics } from '@flashmesh/contracts';
import { type IncomingEvent, OnEvent } from '@flashmesh/messaging';
import { Controller } from '@nestjs/common';
import { Notifications } from './store/notifications.ts';

/** Ends of orders come in; each buyer is told once. */
@Controller()
export class NotificationController {
  private readonly notifications: Notifications;

  constructor(notifications: Notifications) {
    this.notifications = notifications;
  }

  @OnEvent(topics.orderEvents, { batch: 200 })
  async onOrders(events: IncomingEvent<order.OrderEvent>[]): Promise<void> {
    await this.notifications.tell(events);
  }
}
