import { order } from '@flashmesh/contracts';
import { InjectClient, type MeshClient } from '@flashmesh/rpc';
import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  type MessageEvent,
  Param,
  Post,
  Res,
  Sse,
  SseSignal,
  UseGuards,
} from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import type { Observable } from 'rxjs';
import { Patience } from '../admission/patience.ts';
import { BuyerGuard, BuyerId } from '../auth/buyer.guard.ts';
import { Refuses } from '../http/openapi.ts';
import { idempotencyKey, validation } from '../http/validation.ts';
import { OrderStreams } from '../live/order-stream.ts';
import { orderView, type OrderView, placeOrderBody, type PlaceOrderBody } from './schemas.ts';
import { present, viewOrder } from './views.ts';

/**
 * Long enough for a shop that is slow and not away: giving up early and asking again would make it slower. Short enough to turn from an
 * instance that froze within the buyer's patience.
 */
const PLACE_ORDER_DEADLINE_MS = 10_000;

/** Where an order begins: the buyer's request goes to the order service, which answers when the order is durable. */
@Controller('api/orders')
@UseGuards(BuyerGuard)
@ApiTags('orders')
@ApiBearerAuth('buyer')
export class OrdersController {
  private readonly orders: MeshClient<typeof order.OrderServiceDefinition>;
  private readonly streams: OrderStreams;
  private readonly patience: Patience;

  constructor(
    @InjectClient(order.OrderServiceDefinition) orders: MeshClient<typeof order.OrderServiceDefinition>,
    streams: OrderStreams,
    patience: Patience,
  ) {
    this.orders = orders;
    this.streams = streams;
    this.patience = patience;
  }

  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Place an order',
    description: 'The same key names the same order: repeating the request answers the same.',
  })
  @ApiHeader({ name: 'Idempotency-Key', required: true, example: 'my-first-order' })
  @ApiResponse({
    status: 202,
    description: 'Accepted: the order will end in one state.',
    standardSchema: orderView,
  })
  @Refuses(400, 401, 404, 409, 413, 415, 422, 429, 503, 504)
  async place(
    @BuyerId() buyerId: string,
    @Headers('idempotency-key') key: string | undefined,
    @Body({ schema: placeOrderBody, pipes: [validation] }) body: PlaceOrderBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderView> {
    const { saleId, sku, quantity, paymentMethod } = body;
    const request = { buyerId, idempotencyKey: idempotencyKey(key), saleId, sku, quantity, paymentMethod };
    // The key makes every repetition the same order.
    const placed = await this.patience.run(
      () => this.orders.placeOrder(request, { deadlineMs: PLACE_ORDER_DEADLINE_MS }),
      reply.raw,
    );
    const view = viewOrder(present(placed.order, 'order'));
    reply.header('location', `/api/orders/${view.id}`);
    if (placed.repeatedRequest) reply.header('idempotent-replayed', 'true');
    return view;
  }

  @Get(':id')
  @ApiOperation({ summary: 'An order of yours' })
  @ApiResponse({ status: 200, description: 'The order.', standardSchema: orderView })
  @Refuses(401, 403, 404, 503, 504)
  async find(@BuyerId() buyerId: string, @Param('id') orderId: string): Promise<OrderView> {
    return viewOrder(await this.read(orderId, buyerId));
  }

  @Sse(':id/events')
  @ApiOperation({
    summary: 'How an order of yours goes',
    description:
      'Server-sent events `order` with the order as data: its state now, then each change, to the end.',
  })
  @ApiProduces('text/event-stream')
  @Refuses(401, 403, 404, 429, 503, 504)
  watch(
    @BuyerId() buyerId: string,
    @Param('id') orderId: string,
    @SseSignal() signal: AbortSignal,
  ): Promise<Observable<MessageEvent>> {
    return this.streams.watch(orderId, () => this.read(orderId, buyerId), signal);
  }

  private async read(orderId: string, buyerId: string): Promise<order.Order> {
    const found = await this.patience.run(() => this.orders.getOrder({ orderId, buyerId }));
    return present(found.order, 'order');
  }
}
