import { catalog, inventory, order } from '@flashmesh/contracts';
import { FlashmeshError, ManualClock, unavailable } from '@flashmesh/core';
import { clientToken } from '@flashmesh/rpc';
import { Health } from '@flashmesh/service';
import { type Logger, startTelemetry, trace } from '@flashmesh/telemetry';
import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { admitOrders } from '../admission/admit-orders.ts';
import { Patience } from '../admission/patience.ts';
import { WaitingRoom } from '../admission/waiting-room.ts';
import { AdminToken } from '../auth/admin.guard.ts';
import { BuyerTokens } from '../auth/buyer-tokens.ts';
import { serveDocs } from '../http/docs.ts';
import { GatewayAdapter } from '../http/gateway-adapter.ts';
import { openApiDocument } from '../http/openapi.ts';
import { ProblemFilter } from '../http/problem.filter.ts';
import { traceRequests } from '../http/tracing.ts';
import { OrderChanges } from '../live/order-changes.ts';
import { OrderStreams } from '../live/order-stream.ts';
import { AdminController } from './admin.controller.ts';
import { CatalogController } from './catalog.controller.ts';
import { HealthController } from './health.controller.ts';
import { OrdersController } from './orders.controller.ts';
import { SessionsController } from './sessions.controller.ts';

const clock = new ManualClock();
const logger = { error: () => undefined, debug: () => undefined } as unknown as Logger;
const tokens = new BuyerTokens({ secret: 'a secret of the shop', ttlSeconds: 60, clock });
const room = new WaitingRoom({
  limit: { value: 1, observe: () => undefined },
  maxWaiting: 1,
  maxWaitMs: 1000,
  clock,
});
// What fails is told at once; waiting has a spec of its own.
const patience = new Patience({ budgetMs: 1, clock });
const changes = new OrderChanges();
const streams = new OrderStreams({ changes, clock, logger, limit: 1 });
const placed = order.Order.create({
  id: 'ord_1',
  buyerId: 'buy_1',
  state: order.OrderState.PLACED,
  amount: 1999,
  placedAt: new Date(0),
});

/** The services behind the gateway; each test says what they do. */
const notExpected = (): Promise<object> => Promise.reject(new Error('not expected'));
const behind: {
  placeOrder(request: order.PlaceOrderRequest): Promise<object>;
  getOrder(request: order.GetOrderRequest): Promise<object>;
  getSale(request: catalog.GetSaleRequest): Promise<object>;
  getStock(request: inventory.GetStockRequest): Promise<object>;
  restock(request: inventory.RestockRequest): Promise<object>;
} = {
  placeOrder: notExpected,
  getOrder: async () => ({ order: placed }),
  getSale: notExpected,
  getStock: notExpected,
  restock: async () => ({}),
};

@Module({
  controllers: [OrdersController, SessionsController, CatalogController, AdminController, HealthController],
  providers: [
    Health,
    { provide: APP_FILTER, useFactory: () => new ProblemFilter(logger) },
    { provide: BuyerTokens, useValue: tokens },
    { provide: AdminToken, useValue: new AdminToken('open sesame') },
    { provide: WaitingRoom, useValue: room },
    { provide: OrderStreams, useValue: streams },
    { provide: Patience, useValue: patience },
    ...[
      order.OrderServiceDefinition,
      catalog.CatalogServiceDefinition,
      inventory.InventoryServiceDefinition,
    ].map((definition) => ({ provide: clientToken(definition), useValue: behind })),
  ],
})
class EdgeModule {}

describe('the REST edge', () => {
  let app: NestFastifyApplication;
  let base: string;
  const { token } = tokens.issue('buy_1');
  const body = { saleId: 'demo', sku: 'phone', quantity: 1, paymentMethod: 'tok_ok' };

  const telemetry = startTelemetry({ serviceName: 'gateway', serviceVersion: '0', instanceId: 'test' });

  beforeAll(async () => {
    const testing = await Test.createTestingModule({ imports: [EdgeModule] }).compile();
    app = testing.createNestApplication<NestFastifyApplication>(new GatewayAdapter(), { logger: false });
    const server = app.getHttpAdapter().getInstance();
    admitOrders(server, room);
    traceRequests(server);
    serveDocs(server, () => openApiDocument(app));
    await app.listen(0, '127.0.0.1');
    base = (await app.getUrl()).replace('[::1]', '127.0.0.1');
  });
  afterAll(async () => {
    await app.close();
    await telemetry.shutdown();
  });

  async function send(method: string, path: string, headers: Record<string, string> = {}, sent?: unknown) {
    const text = typeof sent === 'string' || sent === undefined ? sent : JSON.stringify(sent);
    const response = await fetch(new URL(path, base), {
      method,
      headers: { ...(sent === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      body: text,
    });
    const answer = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: answer.startsWith('{') || answer.startsWith('[') ? JSON.parse(answer) : answer,
    };
  }
  const place = (change: object = {}, headers: Record<string, string> = {}) =>
    send(
      'POST',
      '/api/orders',
      { authorization: `Bearer ${token}`, 'idempotency-key': 'k1', ...headers },
      { ...body, ...change },
    );

  it('places an order for the buyer of the token', async () => {
    let asked: order.PlaceOrderRequest | undefined;
    behind.placeOrder = async (request) => {
      asked = request;
      return { order: placed, repeatedRequest: true };
    };
    const answer = await place();
    expect(answer.status).toBe(202);
    expect(asked).toEqual({ buyerId: 'buy_1', idempotencyKey: 'k1', ...body });
    expect(answer.headers.get('location')).toBe('/api/orders/ord_1');
    expect(answer.headers.get('idempotent-replayed')).toBe('true');
    expect(answer.body).toMatchObject({ id: 'ord_1', state: 'PLACED', placedAt: '1970-01-01T00:00:00.000Z' });
    expect(answer.body).not.toHaveProperty('fingerprint');
    expect(answer.body).not.toHaveProperty('reason');
  });

  it("runs in the client's trace, and says which it is", async () => {
    let active: string | undefined;
    behind.placeOrder = async () => {
      active = trace.getActiveSpan()?.spanContext().traceId;
      return { order: placed };
    };
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const answer = await place({}, { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    expect([active, answer.headers.get('x-trace-id')]).toEqual([traceId, traceId]);
    expect(answer.headers.get('traceparent')).toMatch(
      new RegExp(`^00-${traceId}-(?!b7ad6b7169203331)[0-9a-f]{16}-`),
    );
    expect((await send('GET', '/nowhere')).body.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect((await send('GET', '/livez')).headers.get('x-trace-id')).toBeNull();
  });

  it('refuses what is malformed before anybody is asked', async () => {
    behind.placeOrder = () => Promise.reject(new Error('asked'));
    const refused = await Promise.all([
      place({ quantity: 0 }),
      place({ quantity: '1' }),
      place({ price: 1 }),
      place({}, { 'idempotency-key': 'with space' }),
      place({}, { authorization: 'Basic abc' }),
      place({}, { authorization: `Bearer ${token}x` }),
      place({ padding: 'x'.repeat(64 * 1024) }),
      send('POST', '/api/orders', { authorization: `Bearer ${token}` }, '{"saleId":'),
      send('POST', '/api/orders', { authorization: `Bearer ${token}` }, ''),
      send('POST', '/api/orders', { authorization: `Bearer ${token}`, 'content-type': 'text/plain' }, 'hi'),
      send(
        'POST',
        '/api/orders',
        { authorization: `Bearer ${token}`, 'content-type': 'application/x-www-form-urlencoded' },
        'a=1',
      ),
      send(
        'POST',
        '/api/orders',
        { authorization: `Bearer ${token}`, 'idempotency-key': 'k' },
        '{"__proto__":{"x":1}}',
      ),
      send('GET', '/nowhere'),
    ]);
    expect(refused.map(({ status, body }) => [status, body.code, body.field])).toEqual([
      [400, 'INVALID_ARGUMENT', 'quantity'],
      [400, 'INVALID_ARGUMENT', 'quantity'],
      [400, 'INVALID_ARGUMENT', 'price'],
      [400, 'INVALID_ARGUMENT', 'Idempotency-Key'],
      [401, 'TOKEN_MISSING', 'Authorization'],
      [401, 'TOKEN_INVALID', undefined],
      [413, 'BODY_TOO_LARGE', 'body'],
      [400, 'MALFORMED_JSON', 'body'],
      [400, 'MALFORMED_JSON', 'body'],
      [415, 'UNSUPPORTED_MEDIA_TYPE', 'Content-Type'],
      [415, 'UNSUPPORTED_MEDIA_TYPE', 'Content-Type'],
      [400, 'MALFORMED_JSON', 'body'],
      [404, 'ROUTE_NOT_FOUND', undefined],
    ]);
    for (const { headers } of refused) {
      expect(headers.get('content-type')).toContain('application/problem+json');
    }
    expect(refused[4]?.headers.get('www-authenticate')).toBe('Bearer');
  });

  it.each([
    [new FlashmeshError('not_found', 'SALE_NOT_FOUND', 'no such sale', { field: 'saleId' }), 404, null],
    [new FlashmeshError('failed_precondition', 'SOLD_OUT', 'nothing left'), 409, null],
    [new FlashmeshError('failed_precondition', 'IDEMPOTENCY_KEY_REUSED', 'another order'), 422, null],
    [new FlashmeshError('resource_exhausted', 'BUSY', 'later', { retryAfterMs: 2500 }), 429, '3'],
    [unavailable('LOG_UNAVAILABLE', 'later'), 503, '1'],
    [new FlashmeshError('deadline_exceeded', 'DEADLINE_EXCEEDED', 'slow'), 504, null],
  ])('passes on %s', async (failure, status, retryAfter) => {
    behind.placeOrder = () => Promise.reject(failure);
    const answer = await place();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([status, retryAfter]);
    expect(answer.body).toMatchObject({ code: failure.code, detail: failure.message });
  });

  it('keeps to itself what nobody foresaw', async () => {
    behind.placeOrder = () => Promise.reject(new Error('secret'));
    const answer = await place();
    expect([answer.status, answer.body.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(answer.body)).not.toContain('secret');
  });

  it('refuses at once what is too much', async () => {
    const answered = Promise.withResolvers<object>();
    behind.placeOrder = () => answered.promise;
    const first = place();
    const waiting = place();
    while (room.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
    const second = await place();
    expect([second.status, second.body.code, second.headers.get('retry-after')]).toEqual([
      429,
      'TOO_MANY_REQUESTS',
      '1',
    ]);
    answered.resolve({ order: placed });
    expect((await first).status).toBe(202);
    expect((await waiting).status).toBe(202);
  });

  it('streams the states of an order', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(new URL('/api/orders/ord_1/events', base), { headers });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const second = await send('GET', '/api/orders/ord_1/events', headers);
    expect([second.status, second.body.code]).toEqual([429, 'TOO_MANY_STREAMS']);
    changes.publish({ ...placed, state: order.OrderState.CONFIRMED });
    const text = await response.text();
    const states = [...text.matchAll(/event: order\n(?:id: .*\n)?data: (.*)\n/g)].map(
      (match) => JSON.parse(match[1] as string).state,
    );
    expect(states).toEqual(['PLACED', 'CONFIRMED']);
    expect(streams.running).toBe(0);
  });

  it('ends a stream whose client left, and says no before it streams', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const abort = new AbortController();
    const response = await fetch(new URL('/api/orders/ord_1/events', base), {
      headers,
      signal: abort.signal,
    });
    await response.body?.getReader().read();
    abort.abort();
    while (streams.running > 0) await new Promise((resolve) => setImmediate(resolve));
    behind.getOrder = () =>
      Promise.reject(new FlashmeshError('permission_denied', 'NOT_YOUR_ORDER', 'not yours'));
    const refused = await send('GET', '/api/orders/ord_1/events', headers);
    expect([refused.status, refused.body.code]).toEqual([403, 'NOT_YOUR_ORDER']);
    expect(streams.running).toBe(0);
  });

  it('opens sessions with and without a name', async () => {
    const [plain, named] = await Promise.all([
      send('POST', '/api/sessions'),
      send('POST', '/api/sessions', {}, { name: 'Ada' }),
    ]);
    expect([plain.status, named.status, named.body.name]).toEqual([201, 201, 'Ada']);
    expect(tokens.verify(plain.body.token).buyerId).toBe(plain.body.buyerId);
  });

  it('shows a sale with the stock that is known', async () => {
    const item = { unitPrice: 5, limitPerBuyer: 1, stock: 9 };
    const sale = catalog.Sale.create({
      id: 'demo',
      state: catalog.SaleState.OPEN,
      items: [
        { sku: 'a', ...item },
        { sku: 'b', ...item },
      ],
    });
    behind.getSale = async () => ({ sale });
    behind.getStock = async ({ sku }) => {
      if (sku === 'b') throw unavailable('REBUILDING', 'later');
      return { stock: { sku, initial: 9, available: 7, reserved: 1, sold: 1 } };
    };
    const { body } = await send('GET', '/api/sales/demo');
    expect(body.items).toEqual([
      {
        sku: 'a',
        unitPrice: 5,
        limitPerBuyer: 1,
        units: 9,
        stock: { initial: 9, available: 7, reserved: 1, sold: 1 },
      },
      { sku: 'b', unitPrice: 5, limitPerBuyer: 1, units: 9 },
    ]);
  });

  it('lets only the admin restock', async () => {
    const restock = (authorization: string) =>
      send(
        'POST',
        '/api/admin/skus/phone/restock',
        { authorization, 'idempotency-key': 'd1' },
        { quantity: 3 },
      );
    expect((await restock('Bearer open sesame')).body).toEqual({ restockId: 'admin:phone:d1' });
    expect((await restock(`Bearer ${token}`)).status).toBe(401);
    expect((await restock('Bearer open sesam')).status).toBe(401);
  });

  it('documents itself from the schemas', async () => {
    const { body } = await send('GET', '/docs-json');
    const { post } = body.paths['/api/orders'];
    expect(post.requestBody.content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/PlaceOrder',
    });
    expect(post.responses['202'].content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/Order',
    });
    expect(Object.keys(post.responses['409'].content)).toEqual(['application/problem+json']);
    expect(body.components.schemas.PlaceOrder).toMatchObject({
      required: ['saleId', 'sku', 'quantity', 'paymentMethod'],
      additionalProperties: false,
    });
    const refs = [...JSON.stringify(body).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
      (match) => match[1],
    );
    for (const ref of refs) expect(body.components.schemas).toHaveProperty(ref as string);
    expect((await send('GET', '/docs')).body).toContain('swagger-ui-bundle.js');
  });
});
