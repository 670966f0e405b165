import { EventProducer } from '@flashmesh/messaging';
import { eventKindOf, type Message, orderEvent, reserveCommand, unitsCommand } from './domain/messages.ts';
import type { OrderRecord, PlacedOrder } from './domain/order.ts';
import { Injectable } from '@nestjs/common';

/** Orders that are remembered as told; the oldest are forgotten, and told again if need be. */
const REMEMBERED = 20_000;

/**
 * Puts what concerns an order on the log, as part of the trace that is active: each call resolves when the brokers have it.
 */
@Injectable()
export class OrderLog {
  private readonly told = new Set<string>();
  private readonly producer: EventProducer;

  constructor(producer: EventProducer) {
    this.producer = producer;
  }

  /** Tells how the order stands: that it was placed, or how it ended. */
  async tell(record: OrderRecord): Promise<void> {
    await this.publish(orderEvent(record, eventKindOf(record.state)));
    this.remember(record.order.id);
  }

  /** Whether this process has told of the order lately: then the log is known to have it, and need not be told again. */
  hasTold(orderId: string): boolean {
    return this.told.has(orderId);
  }

  /** Asks inventory to hold the units. */
  reserve(placed: PlacedOrder): Promise<void> {
    return this.publish(reserveCommand(placed));
  }

  /** Tells inventory to sell the held units. */
  commit(placed: PlacedOrder): Promise<void> {
    return this.publish(unitsCommand(placed, 'commit'));
  }

  private remember(orderId: string): void {
    this.told.add(orderId);
    if (this.told.size <= REMEMBERED) return;
    const [oldest] = this.told;
    if (oldest !== undefined) this.told.delete(oldest);
  }

  private publish<T>({ topic, ...event }: Message<T>): Promise<void> {
    return this.producer.publish(topic, event);
  }
}
