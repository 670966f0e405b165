import { type inventory, order, topics } from '@flashmesh/contracts';
import { FlashmeshError, invalidArgument } from '@flashmesh/core';
import { contextOf, type IncomingEvent, OnEvent } from '@flashmesh/messaging';
import { Rpc } from '@flashmesh/rpc';
import { traceparentOf } from '@flashmesh/telemetry';
import { Controller } from '@nestjs/common';
import { inputOf } from './domain/messages.ts';
import { toMessage } from './domain/order.ts';
import { PlaceOrder } from './place-order.ts';
import { SagaRunner } from './saga/saga-runner.ts';
import { OrderStore } from './store/order-store.ts';

/** Orders come in through gRPC; what becomes of their units, through the log. */
@Controller()
export class OrderController {
  private readonly orders: PlaceOrder;
  private readonly store: OrderStore;
  private readonly runner: SagaRunner;

  constructor(orders: PlaceOrder, store: OrderStore, runner: SagaRunner) {
    this.orders = orders;
    this.store = store;
    this.runner = runner;
  }

  @Rpc(order.OrderServiceDefinition, 'placeOrder')
  async placeOrder(request: order.PlaceOrderRequest): Promise<order.PlaceOrderResponse> {
    const { record, repeated } = await this.orders.place(request);
    return { order: toMessage(record), repeatedRequest: repeated };
  }

  @Rpc(order.OrderServiceDefinition, 'getOrder')
  async getOrder({ orderId, buyerId }: order.GetOrderRequest): Promise<order.GetOrderResponse> {
    if (!orderId) throw invalidArgument('orderId', 'must not be empty');
    if (!buyerId) throw invalidArgument('buyerId', 'must not be empty');
    const record = await this.store.get(orderId);
    if (!record) throw new FlashmeshError('not_found', 'ORDER_NOT_FOUND', `there is no order ${orderId}`);
    if (record.order.buyerId !== buyerId) {
      throw new FlashmeshError('permission_denied', 'NOT_YOUR_ORDER', 'the order belongs to another buyer');
    }
    return { order: toMessage(record) };
  }

  @OnEvent(topics.inventoryEvents, { batch: 200 })
  async onInventoryEvents(events: IncomingEvent<inventory.InventoryEvent>[]): Promise<void> {
    const last = events.at(-1);
    if (!last) return;
    const learned = events.flatMap((event) => {
      const input = inputOf(event.data);
      if (!input) return [];
      const traceparent = traceparentOf(contextOf(event)) ?? event.traceparent;
      return [{ orderId: event.data.orderId, input, at: event.time, traceparent }];
    });
    this.runner.start(await this.store.applyEvents(last.partition, last.offset, learned));
  }
}
