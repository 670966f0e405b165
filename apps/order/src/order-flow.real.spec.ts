import { randomUUID } from 'node:crypto';
import { catalog, inventory, order, payment, topics } from '@flashmesh/contracts';
import { FlashmeshError, partitionOf, sleep, systemClock } from '@flashmesh/core';
import {
  EventProducer,
  KafkaConnection,
  type KafkaServer,
  type PartitionOwner,
  readLog,
} from '@flashmesh/messaging';
import type { MeshClient } from '@flashmesh/rpc';
import type { LiveSettings } from '@flashmesh/service';
import { createLogger } from '@flashmesh/telemetry';
import { Redis } from 'ioredis';
import type { Admission } from './admission.ts';
import type { OrderSettings } from './env.ts';
import { OrderController } from './order.controller.ts';
import { OrderLog } from './order-log.ts';
import { PlaceOrder } from './place-order.ts';
import { Redriver } from './saga/redriver.ts';
import { SagaRunner } from './saga/saga-runner.ts';
import type { SaleDirectory } from './sale-directory.ts';
import { OrderStore } from './store/order-store.ts';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
/** As in the shop's own stack, which these topics may already be part of. */
const PARTITIONS = Number(process.env['KAFKA_PARTITIONS'] ?? 8);
const logger = createLogger({ service: 'order', instance: 'spec', level: 'silent' });
const sale = catalog.Sale.create({
  id: 'sale-1',
  state: catalog.SaleState.OPEN,
  opensAt: new Date(0),
  closesAt: new Date(2 ** 42),
  currency: 'EUR',
  reservationTtlSeconds: 30,
  items: [
    {
      sku: 'phone',
      unitPrice: 250,
      limitPerBuyer: 2,
      stock: 10,
    },
  ],
});

/** Payment as the saga sees it; each test says how it answers. */
class PaymentDouble {
  readonly charged: string[] = [];
  readonly voided: string[] = [];
  onCharge: () => Promise<payment.ChargeOutcome> = () => Promise.resolve(payment.ChargeOutcome.CHARGED);

  async charge({ orderId }: payment.ChargeRequest): Promise<payment.ChargeResponse> {
    this.charged.push(orderId);
    return { outcome: await this.onCharge() };
  }
  void({ orderId }: payment.VoidRequest): Promise<payment.VoidResponse> {
    this.voided.push(orderId);
    return Promise.resolve({ refunded: true });
  }
}

describe('the way of an order through this service, on a real Kafka and a real Redis', () => {
  const keyPrefix = `${randomUUID()}:`;
  const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', { keyPrefix });
  const connection = new KafkaConnection({
    brokers: (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:9092').split(','),
    clientId: 'order-spec',
    logger,
  });
  const producer = new EventProducer(connection, { source: '/order/spec' });
  let owner: PartitionOwner;
  const server = {
    ownPartitions: (_topic: unknown, given: PartitionOwner) => (owner = given),
  } as unknown as KafkaServer;
  let refusal: FlashmeshError | undefined;
  const admission = {
    admit: () => (refusal ? Promise.reject(refusal) : Promise.resolve()),
  } as unknown as Admission;
  const sales = { get: () => Promise.resolve(sale) } as unknown as SaleDirectory;

  const store = new OrderStore(redis, connection, producer, server, logger, systemClock);
  const log = new OrderLog(producer);
  const payments = new PaymentDouble();
  const runner = new SagaRunner(
    store,
    log,
    payments as unknown as MeshClient<typeof payment.PaymentServiceDefinition>,
    systemClock,
    logger,
  );
  const redriver = new Redriver(store, log, runner, systemClock, logger);
  const settings = { current: { maxOpen: 1000 } } as LiveSettings<OrderSettings>;
  const placing = new PlaceOrder(store, sales, admission, log, systemClock, settings);
  const controller = new OrderController(placing, store, runner);
  /** The offset that comes next, by partition; as many partitions as the stack's topics have. */
  let next: number[] = [];

  const request = (change: Partial<order.PlaceOrderRequest> = {}) =>
    order.PlaceOrderRequest.create({
      buyerId: 'buyer-1',
      idempotencyKey: randomUUID(),
      saleId: 'sale-1',
      sku: 'phone',
      quantity: 2,
      paymentMethod: 'tok_visa',
      ...change,
    });

  async function place(change?: Partial<order.PlaceOrderRequest>): Promise<order.Order> {
    const response = await controller.placeOrder(request(change));
    if (!response.order) throw new Error('no order');
    return response.order;
  }

  /** Lets inventory tell something of an order. */
  async function tell(
    { id, sku, quantity }: order.Order,
    event: inventory.InventoryEvent['event'],
  ): Promise<void> {
    const partition = store.partitionOf(id);
    const offset = next[partition] as number;
    await controller.onInventoryEvents([
      {
        topic: topics.inventoryEvents.name,
        partition,
        offset,
        key: id,
        id: `${id}/${event?.$case}`,
        type: topics.inventoryEvents.type,
        source: '/spec',
        time: Date.now(),
        headers: {},
        data: {
          orderId: id,
          sku,
          quantity,
          event,
        },
        traceparent: TRACEPARENT,
      },
    ]);
    next[partition] = offset + 1;
  }

  async function stateOf({ id, buyerId }: order.Order): Promise<string> {
    const { order: found } = await controller.getOrder({ orderId: id, buyerId });
    return String(found?.state.replace('ORDER_STATE_', ''));
  }

  async function until(wanted: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      if (await wanted()) return;
      await sleep(25);
    }
    throw new Error('it never came');
  }

  /** The ids of what the log says of an order, without the order's own. */
  async function logged({ id, sku }: order.Order): Promise<string[]> {
    const found: string[] = [];
    const note = (event: { id: string }) => {
      if (event.id.startsWith(id)) found.push(event.id.slice(id.length));
    };
    const ofOrder = { partition: store.partitionOf(id) };
    const ofSku = { partition: partitionOf(sku, next.length) };
    await readLog(connection, topics.orderEvents, ofOrder, (events) => events.forEach(note));
    await readLog(connection, topics.inventoryCommands, ofSku, (events) => events.forEach(note));
    return [...new Set(found)].sort();
  }

  async function claimAll(): Promise<void> {
    const claims = next.map((_, partition) => owner.assigned(partition, { restart: () => {} }));
    next = await Promise.all(claims);
  }

  function revokeAll(): void {
    for (const partition of next.keys()) owner.revoked(partition);
  }

  async function wipe(): Promise<void> {
    const keys = await redis.keys(`${keyPrefix}*`);
    if (keys.length > 0) await redis.del(...keys.map((key) => key.slice(keyPrefix.length)));
  }

  beforeAll(async () => {
    const wanted = [topics.orderEvents, topics.inventoryCommands, topics.inventoryEvents];
    await connection.ensureTopics(
      wanted.map(({ name, config }) => ({ name, partitions: PARTITIONS, config: { ...config } })),
    );
    await store.onModuleInit();
    next = Array.from({ length: await connection.partitionsOf(topics.inventoryEvents.name) }, () => 0);
    await claimAll();
  }, 30_000);
  beforeEach(() => {
    refusal = undefined;
    payments.onCharge = () => Promise.resolve(payment.ChargeOutcome.CHARGED);
  });
  afterAll(async () => {
    await redriver.onApplicationShutdown();
    revokeAll();
    await store.onApplicationShutdown();
    await producer.close();
    await connection.close();
    await wipe();
    redis.disconnect();
  });

  it('takes an order: it is in the view and on the log, and inventory is asked', async () => {
    const placed = await place();
    expect(placed).toMatchObject({
      amount: 500,
      currency: 'EUR',
      limitPerBuyer: 2,
      state: 'ORDER_STATE_PLACED',
    });
    expect(await stateOf(placed)).toBe('PLACED');
    expect(await logged(placed)).toEqual(['/placed', '/reserve']);
  });

  it('shows an order to its buyer only', async () => {
    const { id: orderId } = await place();
    await expect(controller.getOrder({ orderId, buyerId: 'other' })).rejects.toMatchObject({
      kind: 'permission_denied',
    });
    await expect(controller.getOrder({ orderId: 'ord_x', buyerId: 'b' })).rejects.toMatchObject({
      kind: 'not_found',
    });
  });

  it('answers a repeated request with the same order, also when the doors have closed since', async () => {
    const idempotencyKey = randomUUID();
    const [first, second] = await Promise.all([
      controller.placeOrder(request({ idempotencyKey })),
      controller.placeOrder(request({ idempotencyKey })),
    ]);
    expect(first.order?.id).toBe(second.order?.id);
    expect([first, second].filter(({ repeatedRequest }) => repeatedRequest)).toHaveLength(1);
    refusal = new FlashmeshError('failed_precondition', 'SOLD_OUT', 'sold out');
    const third = await controller.placeOrder(request({ idempotencyKey }));
    expect(third).toMatchObject({ repeatedRequest: true, order: { id: first.order?.id } });
    await expect(controller.placeOrder(request())).rejects.toBe(refusal);
  });

  it('refuses the same key for another wish', async () => {
    const idempotencyKey = randomUUID();
    await place({ idempotencyKey });
    await expect(controller.placeOrder(request({ idempotencyKey, quantity: 1 }))).rejects.toMatchObject({
      kind: 'failed_precondition',
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  it('confirms an order whose units are held and paid', async () => {
    const placed = await place();
    await tell(placed, { $case: 'reserved', value: { expiresAt: new Date() } });
    await until(async () => (await stateOf(placed)) === 'COMMITTING');
    await until(async () => (await logged(placed)).includes('/commit'));
    await tell(placed, { $case: 'committed', value: {} });
    expect(await stateOf(placed)).toBe('CONFIRMED');
    await until(async () => (await logged(placed)).includes('/confirmed'));
    expect(payments.charged.filter((id) => id === placed.id)).toHaveLength(1);
  });

  it('keeps the order in its trace', async () => {
    const placed = await place();
    await tell(placed, {
      $case: 'rejected',
      value: { reason: inventory.RejectReason.SOLD_OUT },
    });
    await until(async () => (await logged(placed)).includes('/rejected'));
    const traces: (string | undefined)[] = [];
    await readLog(connection, topics.orderEvents, {}, (events) => {
      for (const event of events) if (event.id === `${placed.id}/rejected`) traces.push(event.traceparent);
    });
    expect(traces[0]?.slice(0, 35)).toBe(TRACEPARENT.slice(0, 35));
  });

  it('gives the units of a declined payment back', async () => {
    payments.onCharge = () => Promise.resolve(payment.ChargeOutcome.DECLINED);
    const placed = await place();
    await tell(placed, { $case: 'reserved', value: { expiresAt: new Date() } });
    await until(async () => (await stateOf(placed)) === 'CANCELLED');
    await until(async () => (await logged(placed)).length === 4);
    expect(await logged(placed)).toEqual(['/cancelled', '/placed', '/release', '/reserve']);
  });

  it('asks again while the outcome of a charge is unknown', async () => {
    let tries = 0;
    payments.onCharge = () =>
      ++tries < 3
        ? Promise.reject(new FlashmeshError('deadline_exceeded', 'DEADLINE_EXCEEDED', 'late'))
        : Promise.resolve(payment.ChargeOutcome.CHARGED);
    const placed = await place();
    await tell(placed, { $case: 'reserved', value: { expiresAt: new Date() } });
    await until(async () => (await stateOf(placed)) === 'COMMITTING');
    expect(tries).toBe(3);
  });

  it('refunds an order whose units expired while it was being charged', async () => {
    const charge = Promise.withResolvers<payment.ChargeOutcome>();
    payments.onCharge = () => charge.promise;
    const placed = await place();
    await tell(placed, { $case: 'reserved', value: { expiresAt: new Date() } });
    await until(async () => payments.charged.includes(placed.id));
    await tell(placed, { $case: 'expired', value: {} });
    await until(async () => (await stateOf(placed)) === 'CANCELLED');
    charge.resolve(payment.ChargeOutcome.CHARGED);
    await until(async () => runner.size === 0);
    expect(await stateOf(placed)).toBe('CANCELLED');
    expect(payments.voided).toContain(placed.id);
  });

  it('knows every order again after Redis was emptied, and drives on what had not ended', async () => {
    const [open, ended, paying] = [await place(), await place(), await place()];
    const rejected = { $case: 'rejected', value: { reason: inventory.RejectReason.BUYER_LIMIT } } as const;
    await tell(ended, rejected);
    await until(async () => (await logged(ended)).includes('/rejected'));
    await tell(paying, { $case: 'reserved', value: { expiresAt: new Date() } });
    await until(async () => (await logged(paying)).includes('/commit'));

    await wipe();
    await expect(place()).rejects.toMatchObject({ kind: 'unavailable' });
    revokeAll();
    await claimAll();
    expect(next).toEqual(next.map(() => 0));
    expect(await Promise.all([open, ended, paying].map(stateOf))).toEqual(['PLACED', 'REJECTED', 'PLACED']);

    // Inventory's events are read again from the beginning.
    await tell(ended, rejected);
    await tell(paying, { $case: 'reserved', value: { expiresAt: new Date() } });
    await until(async () => (await stateOf(paying)) === 'COMMITTING');
    await tell(paying, { $case: 'committed', value: {} });
    expect(await Promise.all([open, ended, paying].map(stateOf))).toEqual([
      'PLACED',
      'REJECTED',
      'CONFIRMED',
    ]);
  });

  it('is told again when the view was rebuilt while the order was on its way to the log', async () => {
    const asked = request();
    const lost = holdUp(log);
    const answer = placing.place(asked);
    await lost.reached;
    await wipe();
    revokeAll();
    await claimAll();
    lost.letGo();
    const { record } = await answer;
    expect((await store.get(record.order.id))?.state).toBe('PLACED');
  });

  it('stops working on orders of a partition that it lost', async () => {
    payments.onCharge = () =>
      Promise.reject(new FlashmeshError('unavailable', 'UNAVAILABLE', 'nobody there'));
    const placed = await place();
    await tell(placed, { $case: 'reserved', value: { expiresAt: new Date() } });
    await until(async () => payments.charged.includes(placed.id));
    owner.revoked(store.partitionOf(placed.id));
    await until(async () => runner.size === 0);
    expect(await stateOf(placed)).toBe('PAYING');
    await claimAll();
  });
});

/** Holds up the next thing that is told to the log. */
function holdUp(log: OrderLog): { reached: Promise<void>; letGo: () => void } {
  const original = log.tell.bind(log);
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  log.tell = async (record) => {
    log.tell = original;
    reached.resolve();
    await gate.promise;
    await original(record);
  };
  return { reached: reached.promise, letGo: () => gate.resolve() };
}
