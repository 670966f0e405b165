import { topics } from '@flashmesh/contracts';
import { partitionOf } from '@flashmesh/core';
import { Redis } from 'ioredis';
import { until } from '../support/shop.ts';
import { useStack } from '../support/stack.ts';

describe('what operators do while orders flow, on the real stack', () => {
  const { shop, app, rush, verify, partitionsOf, adminToken } = useStack();
  const redis = new Redis(process.env['REDIS_URL'] ?? '');
  let partitions = 0;
  beforeAll(async () => {
    partitions = await partitionsOf(topics.inventoryCommands);
  });
  afterAll(() => redis.disconnect());

  const admin = (method: string, path: string, body?: object) =>
    shop.request(method, `/api/admin/${path}`, { token: adminToken, body });

  /** Has the projection of a service rebuilt. */
  async function rebuild(projection: string): Promise<void> {
    const submitted = await admin('POST', 'jobs', { kind: 'rebuild', projection });
    expect([submitted.status, submitted.body.state]).toEqual([202, 'WAITING']);
    await ended(submitted.body.id as string);
  }
  async function ended(id: string): Promise<void> {
    const job = await until(
      async () => {
        const { status, body } = await admin('GET', `jobs/${id}`);
        return status === 200 && ['DONE', 'FAILED'].includes(body.state) ? body : undefined;
      },
      `job ${id} to end`,
      60_000,
    );
    expect(job).toMatchObject({ state: 'DONE' });
  }

  it('payment meets with a fault that is switched on, and with none once it is off again', async () => {
    const sale = await shop.openSale({ stock: 20 });
    const outcome = async () => {
      const { body, token } = await shop.accepted(sale);
      const { state, reason } = await shop.ended(body.id, token);
      return `${state} ${reason ?? ''}`.trim();
    };
    try {
      expect((await admin('PUT', 'config/payment', { providerDeclineShare: 1 })).status).toBe(200);
      await until(
        async () => ((await outcome()) === 'CANCELLED PAYMENT_DECLINED' ? true : undefined),
        'payment to decline',
      );
    } finally {
      expect((await admin('DELETE', 'config/payment')).status).toBe(200);
    }
    await until(async () => ((await outcome()) === 'CONFIRMED' ? true : undefined), 'payment to accept');
  });

  it('the order service refuses more than it may have open, and takes them again', async () => {
    const sale = await shop.openSale({ stock: 100 });
    try {
      // Payment is slow: orders stay open.
      await admin('PUT', 'config/payment', { providerLatencyMs: 1000 });
      expect((await admin('PUT', 'config/order', { maxOpen: 0 })).body).toMatchObject({ field: 'maxOpen' });
      await admin('PUT', 'config/order', { maxOpen: 1 });
      await until(async () => {
        const answers = await Promise.all(Array.from({ length: 3 * partitions }, () => shop.order(sale)));
        return answers.some(({ status, body }) => status === 429 && body.code === 'BUSY') ? true : undefined;
      }, 'a refusal');
    } finally {
      await admin('DELETE', 'config/order');
      await admin('DELETE', 'config/payment');
    }
    const { body, token } = await shop.orderWhenAvailable(sale);
    expect((await shop.ended(body.id, token)).state).toBe('CONFIRMED');
  });

  it('a stock that somebody damaged is right again after the job, and orders placed meanwhile survive', async () => {
    const sale = await shop.openSale({ stock: 500 });
    const running = rush({ ...sale, buyers: 300, rate: 40 });
    await until(
      async () => ((await shop.stock(sale.saleId)).sold > 10 ? true : undefined),
      'the rush to begin',
    );
    // More than there is, so that no decision depends on the damage.
    const key = `{inventory:${partitionOf(sale.sku, partitions)}}:stock`;
    await redis.hset(key, sale.sku, '9999 9999 0 0');
    await until(
      async () => ((await shop.stock(sale.saleId)).initial === 9999 ? true : undefined),
      'the damage to be seen',
    );
    await rebuild('inventory');
    const accepted = await running;
    await verify({ accepted });
    await shop.expectStock(sale.saleId, { initial: 500, available: 200, reserved: 0, sold: 300 });
  });

  it('an order that somebody deleted is found again after the job, and one instance may die over it', async () => {
    const sale = await shop.openSale({ stock: 50 });
    const { body, token } = await shop.accepted(sale);
    await shop.ended(body.id, token);
    const read = () => shop.request('GET', `/api/orders/${String(body.id)}`, { token });
    await redis.hdel(`{orders:${partitionOf(body.id as string, partitions)}}:orders`, body.id as string);
    expect((await read()).status).toBe(404);
    const running = rush({ ...sale, buyers: 40, rate: 10 });
    const { body: job } = await admin('POST', 'jobs', { kind: 'rebuild', projection: 'order' });
    const { takenBy } = await until(async () => {
      const { body: seen } = await admin('GET', `jobs/${String(job.id)}`);
      return seen.state === 'RUNNING' ? (seen as { takenBy: string }) : undefined;
    }, 'the job to be taken');
    await app(takenBy).kill('SIGKILL');
    await app(takenBy).restart();
    await ended(job.id as string);
    const { body: done } = await admin('GET', `jobs/${String(job.id)}`);
    expect(done.attempts).toBeGreaterThanOrEqual(2);
    expect(await read()).toMatchObject({ status: 200, body: { state: 'CONFIRMED' } });
    await verify({ accepted: await running });
  });

  it('every projection can be rebuilt, and nothing is told twice because of it', async () => {
    const sale = await shop.openSale({ stock: 20 });
    const orders = await Promise.all(Array.from({ length: 10 }, () => shop.accepted(sale)));
    await Promise.all(orders.map(({ body, token }) => shop.ended(body.id, token)));
    const before = await verify();
    for (const projection of ['payment', 'fulfillment', 'notification', 'order', 'inventory']) {
      await rebuild(projection);
    }
    const after = await verify();
    expect(after.duplicates[topics.shipments.name]).toBe(before.duplicates[topics.shipments.name]);
    expect(after.duplicates[topics.ledger.name]).toBe(before.duplicates[topics.ledger.name]);
    await shop.expectStock(sale.saleId, { initial: 20, available: 10, reserved: 0, sold: 10 });
  });

  it('lists every process', async () => {
    const { body } = await admin('GET', 'members');
    const names = (body.members as { service: string }[]).map(({ service }) => service);
    const services = ['catalog', 'fulfillment', 'gateway', 'inventory', 'notification', 'order', 'payment'];
    expect([...new Set(names)]).toEqual(services);
    expect(names.length).toBeGreaterThan(services.length);
  });
});
