import { randomUUID } from 'node:crypto';
import { inventory, topics } from '@flashmesh/contracts';
import { partitionOf, tokenDigits } from '@flashmesh/core';
import {
  EventProducer,
  type IncomingEvent,
  KafkaConnection,
  type PartitionOwner,
  PositionLost,
  readLog,
} from '@flashmesh/messaging';
import { createLogger } from '@flashmesh/telemetry';
import { Redis } from 'ioredis';
import { StockStore } from './stock-store.ts';

const PARTITIONS = 2;
const SKU = 'phone';
const PARTITION = partitionOf(SKU, PARTITIONS);
const suffix = randomUUID().slice(0, 8);
const name = `inventory-${suffix}`;
const commands = { ...topics.inventoryCommands, name: `inventory.commands.${suffix}` };
const events = { ...topics.inventoryEvents, name: `inventory.events.${suffix}` };
const control = { restart: () => undefined };

type Command = NonNullable<inventory.InventoryCommand['command']>;

describe('StockStore, on real Kafka and Redis', () => {
  const logger = createLogger({ service: 'test', instance: 'test', level: 'fatal' });
  const kafka = new KafkaConnection({ brokers: env('KAFKA_BROKERS').split(','), clientId: name, logger });
  const producer = new EventProducer(kafka, { source: '/test' });
  const redis = new Redis(env('REDIS_URL'));
  const stores: StockStore[] = [];

  beforeAll(async () => {
    await kafka.ensureTopics(
      [commands, events].map(({ name, config }) => ({ name, partitions: PARTITIONS, config })),
    );
  }, 60_000);

  afterAll(async () => {
    for (const store of stores) await store.onApplicationShutdown();
    await wipe();
    await producer.close();
    await kafka.close();
    redis.disconnect();
  });

  it('applies, announces, refuses a second owner’s stale writes, and is rebuilt from the log', async () => {
    const { store, owner } = await newInstance();
    await expect(store.look(SKU)).rejects.toMatchObject({ kind: 'unavailable', code: 'REBUILDING' });
    expect(await owner.assigned(PARTITION, control)).toBe(0);
    expect(await store.look(SKU)).toBeUndefined();

    await send('seed/restock', {
      $case: 'restock',
      value: inventory.Restock.create({ restockId: 'seed', quantity: 3 }),
    });
    await sendReserve('a');
    await sendReserve('b');
    await sendReserve('b');
    await sendReserve('c', 2);
    await send('a/commit', { $case: 'commit', value: { orderId: 'a' } });
    const batch = await readCommands();
    await store.apply(batch);

    const balance = { initial: 3, available: 1, reserved: 1, sold: 1 };
    expect(await store.look(SKU)).toEqual({ balance, waitMs: 0 });
    expect(await eventIds(5)).toEqual([
      'a/reserved',
      'b/reserved',
      'b/reserved',
      'c/rejected',
      'a/committed',
    ]);

    // Another instance takes over where this one stopped; what this one still does is refused.
    const next = await newInstance();
    expect(await next.owner.assigned(PARTITION, control)).toBe((batch.at(-1)?.offset ?? 0) + 1);
    await sendReserve('d');
    const [late] = (await readCommands()).slice(batch.length);
    if (!late) throw new Error('the command of order d is not in the log');
    await expect(store.apply([late])).rejects.toBeInstanceOf(PositionLost);
    await next.store.apply([late]);
    // The same command again finds its own record: the same answer, no other effect.
    await next.store.apply([late]);
    const full = { balance: { initial: 3, available: 0, reserved: 2, sold: 1 }, waitMs: 0 };
    expect(await store.look(SKU)).toEqual(full);
    expect((await eventIds(7)).slice(5)).toEqual(['d/reserved', 'd/reserved']);

    // Redis is emptied: nothing is answered until the log was replayed, and nothing is announced twice.
    const before = await wholeState();
    await wipe();
    await expect(next.store.look(SKU)).rejects.toMatchObject({ code: 'REBUILDING' });
    await expect(next.store.apply([late])).rejects.toBeInstanceOf(PositionLost);
    expect(await next.owner.assigned(PARTITION, control)).toBe(late.offset + 1);
    expect(await wholeState()).toEqual(before);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await eventIds(7)).toHaveLength(7);
  }, 60_000);

  it('refuses the seed of a holder of the sale’s lock that others have followed, also when it is rebuilt', async () => {
    const { store, owner } = await newInstance();
    const from = await owner.assigned(PARTITION, control);
    const token = (czxid: bigint) => ({ ensemble: 'one', czxid: tokenDigits(czxid) });
    const before = (await store.look(SKU))?.balance.initial;
    const seed = (czxid: bigint, restockId: string) =>
      send(`${restockId}/restock@${czxid}`, {
        $case: 'restock',
        value: { restockId, quantity: 100, saleId: 'autumn', token: token(czxid) },
      });
    await send('autumn/fence', { $case: 'fence', value: { saleId: 'autumn', token: token(7n) } });
    await seed(6n, 'autumn/phone');
    await store.apply((await readCommands()).filter(({ offset }) => offset >= from));
    expect((await store.look(SKU))?.balance.initial).toBe(before);
    expect(await store.hasRestock(SKU, 'autumn/phone')).toBe(false);

    const state = await wholeState();
    await wipe();
    const { offset = 0 } = (await readCommands()).at(-1) ?? {};
    expect(await owner.assigned(PARTITION, control)).toBe(offset + 1);
    expect(await wholeState()).toEqual(state);
    expect(state.fences).toEqual({ autumn: `${tokenDigits(7n)} one` });
    expect(await store.hasRestock(SKU, 'seed')).toBe(true);
  }, 60_000);

  it('says how long commands wait while a full batch was late', async () => {
    const { store, owner } = await newInstance();
    await owner.assigned(PARTITION, control);
    const all = await readCommands();
    const last = all.at(-1);
    if (!last) throw new Error('no command in the log');
    const late = Array.from({ length: 200 }, () => ({ ...last, time: Date.now() - 7000 }));
    await store.apply(late.slice(1));
    expect((await store.look(SKU))?.waitMs).toBe(0);
    await store.apply(late);
    expect((await store.look(SKU))?.waitMs).toBeGreaterThanOrEqual(7000);
  }, 60_000);

  it('lists what is overdue, the oldest first, and skips bad records when it replays', async () => {
    const { store, owner } = await newInstance();
    await send('bad', { $case: 'reserve', value: inventory.Reserve.create({ orderId: 'bad' }) });
    await wipe();
    await owner.assigned(PARTITION, control);
    const all = await readCommands();
    const reservedAt = (id: string) => all.find((event) => event.id === `${id}/reserve`)?.time ?? 0;
    expect(await store.overdue(PARTITION, reservedAt('b') + 59_999, 9)).toEqual([]);
    expect(await store.overdue(PARTITION, reservedAt('d') + 60_000, 9)).toEqual([
      { orderId: 'b', sku: SKU },
      { orderId: 'd', sku: SKU },
    ]);
    expect(await store.overdue(PARTITION, reservedAt('d') + 60_000, 1)).toHaveLength(1);
    const poison = all.filter(({ id }) => id === 'bad');
    await expect(store.apply(poison)).rejects.toMatchObject({ kind: 'invalid_argument' });
  }, 60_000);

  async function newInstance(): Promise<{ store: StockStore; owner: PartitionOwner }> {
    let owner: PartitionOwner | undefined;
    const server = { ownPartitions: (_: unknown, own: PartitionOwner) => void (owner = own) };
    const store = new StockStore({ redis, kafka, producer, logger, server, name, commands, events });
    stores.push(store);
    await store.onModuleInit();
    if (!owner) throw new Error('the store owns no partitions');
    return { store, owner };
  }

  function send(id: string, command: Command): Promise<void> {
    return producer.publish(commands, { key: SKU, id, data: { sku: SKU, command } });
  }

  function sendReserve(orderId: string, quantity = 1): Promise<void> {
    const value = { orderId, saleId: 's', buyerId: orderId, quantity, limitPerBuyer: 5, ttlSeconds: 60 };
    return send(`${orderId}/reserve`, { $case: 'reserve', value });
  }

  async function readCommands(): Promise<IncomingEvent<inventory.InventoryCommand>[]> {
    const all: IncomingEvent<inventory.InventoryCommand>[] = [];
    await readLog(kafka, commands, { partition: PARTITION }, (batch) => void all.push(...batch));
    return all;
  }

  /** Ids of all events so far in the order of their commands, waiting until there are `count`. */
  async function eventIds(count: number): Promise<string[]> {
    for (let tries = 0; ; tries++) {
      const all: IncomingEvent<inventory.InventoryEvent>[] = [];
      await readLog(kafka, events, {}, (batch) => void all.push(...batch));
      if (all.length >= count || tries > 50) {
        return all.toSorted((a, b) => a.time - b.time).map(({ id }) => id);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function wholeState() {
    const key = (part: string) => `{${name}:${PARTITION}}:${part}`;
    return {
      stock: await redis.hgetall(key('stock')),
      orders: await redis.hgetall(key('orders')),
      buyers: await redis.hgetall(key('buyers')),
      restocks: await redis.smembers(key('restocks')),
      fences: await redis.hgetall(key('fences')),
      deadlines: await redis.zrange(key('deadlines'), '0', '-1', 'WITHSCORES'),
    };
  }

  async function wipe(): Promise<void> {
    const keys = await redis.keys(`{${name}:*`);
    if (keys.length > 0) await redis.del(...keys);
  }
});

/** A test that writes to a server only ever uses the one it was given. */
function env(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set`);
  return value;
}
