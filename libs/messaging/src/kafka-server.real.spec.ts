import { deadLetterTopic } from '@flashmesh/contracts';
import { FlashmeshError, partitionOf, unavailable } from '@flashmesh/core';
import type { FetchedRecord } from './driver.ts';
import { eventually, handle, handleBatch, keyOf, listen, Stack } from './spec-support.ts';

const key = (partition: number, partitions: number) => keyOf(partition, partitions, partitionOf);

describe('KafkaServer', () => {
  let stack: Stack;
  beforeEach(() => {
    stack = new Stack();
  });
  afterEach(() => stack.close());

  it('keeps the order within each partition', async () => {
    const topic = await stack.topic(4);
    const server = stack.server([topic]);
    const seen = new Map<number, string[]>();
    handle(server, topic, async ({ partition, id }) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.set(partition, [...(seen.get(partition) ?? []), id]);
    });
    await listen(server);
    const sent = new Map<number, string[]>();
    const publishes: Promise<void>[] = [];
    for (let n = 0; n < 800; n++) {
      const k = `key-${n % 50}`;
      const partition = partitionOf(k, 4);
      sent.set(partition, [...(sent.get(partition) ?? []), `${n}`]);
      publishes.push(stack.publish(topic, k, `${n}`));
    }
    await Promise.all(publishes);
    await eventually(() => [...seen.values()].flat().length === 800);
    expect(seen).toEqual(
      new Map([...sent].sort(([a], [b]) => [...seen.keys()].indexOf(a) - [...seen.keys()].indexOf(b))),
    );
  });

  it('goes on with other partitions while one waits for its handler', async () => {
    const topic = await stack.topic(2);
    const server = stack.server([topic]);
    const blocked = Promise.withResolvers<void>();
    const seen: string[] = [];
    handle(server, topic, async ({ partition, id }) => {
      if (partition === 0) await blocked.promise;
      seen.push(id);
    });
    await listen(server);
    await stack.publish(topic, key(0, 2), 'stuck');
    for (let n = 0; n < 20; n++) await stack.publish(topic, key(1, 2), `free-${n}`);
    await eventually(() => seen.length === 20);
    expect(seen).not.toContain('stuck');
    blocked.resolve();
    await eventually(() => seen.includes('stuck'));
  });

  it('stays in its group while a handler takes longer than the session timeout', async () => {
    const topic = await stack.topic(1);
    const server = stack.server([topic], { sessionTimeoutMs: 1500 });
    const calls: string[] = [];
    handle(server, topic, async ({ id }) => {
      calls.push(id);
      if (id === 'slow') await new Promise((resolve) => setTimeout(resolve, 3500));
    });
    await listen(server);
    await stack.publish(topic, 'k', 'slow');
    await stack.publish(topic, 'k', 'next');
    await eventually(() => calls.includes('next'));
    expect(calls).toEqual(['slow', 'next']);
    expect(server.healthy).toBe(true);
  });

  it('retries a handler that is unavailable until it works, in order', async () => {
    const topic = await stack.topic(1);
    const server = stack.server([topic], { retry: { maxDelayMs: 60 } });
    const calls: string[] = [];
    handle(server, topic, ({ id }) => {
      calls.push(id);
      if (calls.length < 7) throw unavailable('DOWN', 'the neighbour is down', { retryAfterMs: 10 });
    });
    await listen(server);
    await stack.publish(topic, 'k', 'a');
    await stack.publish(topic, 'k', 'b');
    await eventually(() => calls.includes('b'));
    expect(calls).toEqual(['a', 'a', 'a', 'a', 'a', 'a', 'a', 'b']);
  });

  it('puts a poison message aside with its cause and goes on', async () => {
    const topic = await stack.topic(1);
    const server = stack.server([topic], { group: `g-${topic.name}` });
    const handled: string[] = [];
    handle(server, topic, ({ id }) => {
      if (id === 'poison') throw new FlashmeshError('invalid_argument', 'BAD_SKU', 'no such sku');
      handled.push(id);
    });
    await listen(server);
    for (const id of ['a', 'poison', 'b']) await stack.publish(topic, 'k', id);
    await stack.producer.publishRaw({
      topic: topic.name,
      key: Buffer.from('k'),
      value: Buffer.from('?'),
      headers: {},
    });
    await stack.publish(topic, 'k', 'c');
    await eventually(() => handled.length === 3);
    expect(handled).toEqual(['a', 'b', 'c']);
    const dead = await deadLetters(stack, topic.name, `g-${topic.name}`);
    expect(dead.map(({ headers }) => headers)).toEqual([
      expect.objectContaining({
        ce_id: 'poison',
        dlq_error: 'BAD_SKU: no such sku',
        dlq_topic: topic.name,
        dlq_partition: '0',
        dlq_offset: '1',
      }),
      expect.objectContaining({ dlq_error: 'UNDECODABLE: the record has no ce_id', dlq_offset: '3' }),
    ]);
    expect(dead[0]?.key?.toString()).toBe('k');
  });

  it('finds the poison in a batch', async () => {
    const topic = await stack.topic(1);
    for (let n = 0; n < 10; n++) await stack.publish(topic, 'k', n === 6 ? 'poison' : `${n}`);
    const server = stack.server([topic], { group: `g-${topic.name}`, retry: { initialDelayMs: 5 } });
    const handled: string[] = [];
    let largest = 0;
    handleBatch(server, topic, 5, (events) => {
      largest = Math.max(largest, events.length);
      if (events.some(({ id }) => id === 'poison')) throw new TypeError('cannot read this');
      handled.push(...events.map(({ id }) => id));
    });
    await listen(server);
    await eventually(() => handled.length === 9);
    expect(largest).toBe(5);
    expect(handled).toEqual(['0', '1', '2', '3', '4', '5', '7', '8', '9']);
    const dead = await deadLetters(stack, topic.name, `g-${topic.name}`);
    expect(dead.map(({ headers }) => headers['dlq_error'])).toEqual(['TypeError: cannot read this']);
  });

  it('goes on after the last handled event when restarted', async () => {
    const topic = await stack.topic(2);
    const group = `g-${topic.name}`;
    const handled: string[] = [];
    const start = async () => {
      const server = stack.server([topic], { group });
      handle(server, topic, ({ id }) => void handled.push(id));
      await listen(server);
      return server;
    };
    const first = await start();
    for (let n = 0; n < 20; n++) await stack.publish(topic, `k${n}`, `${n}`);
    await eventually(() => handled.length === 20);
    await first.close();
    expect(first.healthy).toBe(false);
    for (let n = 20; n < 40; n++) await stack.publish(topic, `k${n}`, `${n}`);
    await start();
    await eventually(() => handled.length === 40);
    expect(new Set(handled).size).toBe(40);
  });

  it('shares the partitions with a second member, losing nothing', async () => {
    const topic = await stack.topic(4);
    const group = `g-${topic.name}`;
    const handled = new Map<string, string[]>();
    const start = async (name: string) => {
      const server = stack.server([topic], { group, instanceId: name, sessionTimeoutMs: 3000 });
      handle(server, topic, ({ id }) => void handled.set(name, [...(handled.get(name) ?? []), id]));
      await listen(server);
      return server;
    };
    await start('one');
    for (let n = 0; n < 100; n++) await stack.publish(topic, `k${n}`, `${n}`);
    const two = await start('two');
    for (let n = 100; n < 200; n++) await stack.publish(topic, `k${n}`, `${n}`);
    await eventually(() => new Set([...handled.values()].flat()).size === 200);
    expect(handled.get('two')?.length).toBeGreaterThan(0);
    await two.close();
    for (let n = 200; n < 300; n++) await stack.publish(topic, `k${n}`, `${n}`);
    await eventually(() => new Set([...handled.values()].flat()).size === 300);
  });

  it('gives a broadcast to every instance, from the latest or from the earliest', async () => {
    const topic = await stack.topic(2);
    await stack.publish(topic, 'k', 'before');
    const seen = new Map<string, string[]>();
    const start = async (name: string, from: 'earliest' | 'latest') => {
      const server = stack.server([topic], { instanceId: name });
      handle(server, topic, ({ id }) => void seen.set(name, [...(seen.get(name) ?? []), id]), {
        broadcast: true,
        from,
      });
      await listen(server);
    };
    await start('new', 'latest');
    await start('all', 'earliest');
    await stack.publish(topic, 'k', 'after');
    await eventually(() => seen.get('new')?.includes('after') && seen.get('all')?.includes('after'));
    expect(Object.fromEntries(seen)).toEqual({ new: ['after'], all: ['before', 'after'] });
  });
});

async function deadLetters(stack: Stack, topic: string, group: string): Promise<FetchedRecord[]> {
  const name = deadLetterTopic(topic, group);
  const records: FetchedRecord[] = [];
  const ranges = await stack.connection.reader.ranges(name);
  await stack.connection.reader.read(name, ranges, (_, more) => void records.push(...more));
  return records;
}
