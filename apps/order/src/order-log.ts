import { EventProducer } from '@flashmesh/messaging';
import { eventKindOf, type Message, orderEvent, reserveCommand, unitsCommand } from './domain/messages.ts';
import type { OrderRecord, PlacedOrder } from './domain/order.ts';
import { Injectable } from '@nestjs/common';

/**
 * Puts what concerns an order on the log, as part of the trace that is active: each call resolves when the brokers have it.
 */
@Injectable()
export class OrderLog {
  private readonly producer: EventProducer;

  constructor(producer: EventProducer) {
    this.producer = producer;
  }

  /** Tells how the order stands: that it was placed, or how it ended. */
  tell(record: OrderRecord): Promise<void> {
    return this.publish(orderEvent(record, eventKindOf(record.state)));
  }

  /** Asks inventory to hold the units. */
  reserve(placed: PlacedOrder): Promise<void> {
    return this.publish(reserveCommand(placed));
  }

  /** Tells inventory to sell the held units. */
  commit(placed: PlacedOrder): Promise<void> {
    return this.publish(unitsCommand(placed, 'commit'));
  }

  private publish<T>({ topic, ...event }: Message<T>): Promise<void> {
    return this.producer.publish(topic, event);
  }
}
