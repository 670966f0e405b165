import { deadLetterTopic, inventory, topics } from '@flashmesh/contracts';
import { until } from '../support/shop.ts';
import { useStack } from '../support/stack.ts';

describe('faults, on the real stack', () => {
  const { shop, app, flushRedis, rush, verify, publish, publishRaw, deadLetters } = useStack();

  it('a command that comes twice has its effect once', async () => {
    const sale = await shop.openSale({ stock: 10 });
    const { body, token } = await shop.accepted(sale);
    await shop.ended(body.id, token);
    const command = (value: inventory.InventoryCommand['command']) => ({ sku: sale.sku, command: value });
    const again = {
      orderId: body.id,
      saleId: sale.saleId,
      buyerId: 'b',
      quantity: 1,
      limitPerBuyer: 2,
      ttlSeconds: 60,
    };
    await publish(topics.inventoryCommands, {
      key: sale.sku,
      id: `${body.id}/reserve`,
      data: command({ $case: 'reserve', value: again }),
    });
    await publish(topics.inventoryCommands, {
      key: sale.sku,
      id: `${body.id}/commit`,
      data: command({ $case: 'commit', value: { orderId: body.id } }),
    });
    const next = await shop.accepted(sale);
    await shop.ended(next.body.id, next.token);
    await shop.expectStock(sale.saleId, { initial: 10, available: 8, reserved: 0, sold: 2 });
    const { duplicates } = await verify();
    expect(duplicates['inventory.commands']).toBeGreaterThanOrEqual(2);
  });

  it('a poison message is parked with its cause, and the partition goes on', async () => {
    const sale = await shop.openSale({ stock: 10 });
    await publishRaw({
      topic: topics.inventoryCommands.name,
      key: Buffer.from(sale.sku),
      value: Buffer.from([0xff, 0xff, 0xff, 0xff]),
      headers: { ce_id: `poison-${sale.sku}`, ce_type: topics.inventoryCommands.type, ce_source: '/test' },
    });
    const { body, token } = await shop.accepted(sale);
    expect((await shop.ended(body.id, token)).state).toBe('CONFIRMED');
    const parked = await until(async () => {
      const letters = await deadLetters(deadLetterTopic(topics.inventoryCommands.name, 'inventory'));
      return letters.find(({ id }) => id === `poison-${sale.sku}`);
    }, 'the dead letter');
    expect(parked.headers).toMatchObject({
      dlq_topic: topics.inventoryCommands.name,
      dlq_error: expect.stringMatching(/\S/),
      dlq_offset: expect.stringMatching(/^\d+$/),
    });
    await verify();
  });

  it('inventory is killed -9 in mid-rush and started again: sold out exactly', async () => {
    const sale = await shop.openSale({ stock: 300 });
    const running = rush({ ...sale, buyers: 1500, rate: 250 });
    await until(
      async () => ((await shop.stock(sale.saleId)).sold > 20 ? true : undefined),
      'the rush to begin',
    );
    for (const name of ['inventory-1', 'inventory-2']) {
      await app(name).kill('SIGKILL');
      await app(name).restart();
    }
    const accepted = await running;
    await verify({ accepted });
    await shop.expectStock(sale.saleId, { initial: 300, available: 0, reserved: 0, sold: 300 });
  });

  it('Redis is emptied in mid-rush and rebuilt from the log: sold out exactly', async () => {
    const sale = await shop.openSale({ stock: 300 });
    const running = rush({ ...sale, buyers: 1500, rate: 250 });
    await until(
      async () => ((await shop.stock(sale.saleId)).sold > 20 ? true : undefined),
      'the rush to begin',
    );
    await flushRedis();
    const accepted = await running;
    await verify({ accepted });
    await shop.expectStock(sale.saleId, { initial: 300, available: 0, reserved: 0, sold: 300 });
  });

  it('an order that is not paid in time gives its units back and keeps no money', async () => {
    const sale = await shop.openSale({ stock: 1, reservationTtlSeconds: 2 });
    await app('payment-1').kill('SIGSTOP');
    try {
      const { body, token } = await shop.accepted(sale);
      // The order says so itself: two looks at the stock may be answered by views of different age.
      await until(async () => {
        const { body: order } = await shop.request('GET', `/api/orders/${body.id}`, { token });
        return order.state === 'REFUNDING' ? true : undefined;
      }, 'the expiry');
      await app('payment-1').kill('SIGCONT');
      expect(await shop.ended(body.id, token)).toMatchObject({ state: 'CANCELLED', reason: 'EXPIRED' });
    } finally {
      await app('payment-1').kill('SIGCONT');
    }
    await verify();
  });
});
