import { partitionOf } from '@flashmesh/core';
import { deadLetterTopic } from '@flashmesh/contracts';
import { randomUUID } from 'node:crypto';
import type { IncomingEvent } from './envelope.ts';
import type { KafkaServer } from './kafka-server.ts';
import type { PartitionControl } from './partition-owner.ts';
import { PositionLost } from './position-lost.ts';
import { readLog } from './read-log.ts';
import { RedisProjection, type RedisProjectionOptions } from './redis-projection.ts';
import { defineScript } from './script.ts';
import {
  eventually,
  handleBatch,
  keyOf,
  listen,
  Stack,
  testEvent,
  type TestEvent,
  testLogger,
  type TestTopic,
} from './spec-support.ts';

/** Counts every id once and emits `<id>/done` with its offset. ARGV: id, offset, id, offset, ... */
const count = defineScript(
  'spec-count',
  `
for i = 1, #A, 2 do
  if redis.call('HSETNX', S.seen, A[i], A[i + 1]) == 1 then
    redis.call('INCR', S.total)
    emit(A[i] .. '/done')
  end
end
return redis.call('GET', S.total)`,
);
const place = defineScript(
  'spec-place',
  `if redis.call('HSETNX', S.seen, A[1], '-') == 1 then emit(A[1] .. '/placed') end return 1`,
);
const total = defineScript('spec-total', `return redis.call('GET', S.total) or '0'`);

const idle: PartitionControl = { restart: () => {} };
const key = (partition: number, partitions: number) => keyOf(partition, partitions, partitionOf);
const argsOf = (events: readonly IncomingEvent<TestEvent>[]) =>
  events.flatMap(({ id, offset }) => [id, offset]);

describe('RedisProjection', () => {
  let stack: Stack;
  let commands: TestTopic;
  let results: TestTopic;
  let name: string;
  const partitions = 2;

  beforeEach(async () => {
    stack = new Stack();
    commands = await stack.topic(partitions);
    results = await stack.topic(partitions);
    name = `spec-${randomUUID().slice(0, 8)}`;
  });
  afterEach(() => stack.close());

  /** A projection that counts commands, as a service would have it. */
  function projection(options: Partial<RedisProjectionOptions> = {}): RedisProjection {
    const created = new RedisProjection({
      name,
      redis: stack.redis,
      logger: testLogger,
      producer: stack.producer,
      stateKeys: ['seen', 'total'],
      rebuild: async (partition, run) => {
        const ends = await readLog(stack.connection, commands, { partition }, async (events) => {
          await run.apply(count, {}, argsOf(events));
        });
        const published = new Set<string>();
        await readLog(stack.connection, results, {}, (events) =>
          events.forEach(({ id }) => published.add(id)),
        );
        await run.filterOutbox((entry) => !published.has(entry));
        return ends.get(partition) ?? 0;
      },
      toEvent: (entry) => ({ topic: results, key: entry, id: entry, data: testEvent(entry) }),
      ...options,
    });
    stack.onClose(() => created.stop());
    return created;
  }

  /** A service that consumes the commands into the projection. */
  async function serve(view: RedisProjection, group = `g-${name}`): Promise<KafkaServer> {
    const server = stack.server([commands], { group, sessionTimeoutMs: 3000 });
    server.ownPartitions(commands, view);
    handleBatch(server, commands, 50, async (events) => {
      const [first] = events;
      await view.apply(count, first?.partition ?? 0, { upTo: events.at(-1)?.offset }, argsOf(events));
    });
    await listen(server);
    await eventually(() => view.partitions.length === partitions);
    return server;
  }

  async function command(from: number, to: number): Promise<void> {
    await Promise.all(
      Array.from({ length: to - from }, (_, n) => stack.publish(commands, `k${from + n}`, `c${from + n}`)),
    );
  }

  async function counted(view: RedisProjection): Promise<number> {
    const totals = await Promise.all([0, 1].map((partition) => view.read(total, partition, [])));
    return totals.reduce<number>((sum, value) => sum + Number(value), 0);
  }

  async function resultIds(): Promise<string[]> {
    const ids: string[] = [];
    await readLog(stack.connection, results, {}, (events) => void ids.push(...events.map(({ id }) => id)));
    return ids;
  }

  async function wipe(): Promise<void> {
    const keys = await stack.redis.keys(`{${name}:*`);
    if (keys.length > 0) await stack.redis.del(...keys);
  }

  it('applies every command once and publishes every result', async () => {
    const view = projection();
    await serve(view);
    await command(0, 500);
    await eventually(async () => (await counted(view)) === 500);
    await view.relayIdle();
    const ids = await resultIds();
    expect(new Set(ids).size).toBe(500);
    expect(ids).toHaveLength(500);
    expect(await stack.redis.llen(view.key(0, 'outbox'))).toBe(0);
  });

  it('claims partitions without any message, and answers for nobody before', async () => {
    const view = projection();
    await expect(view.read(total, 0, [])).rejects.toMatchObject({ kind: 'unavailable', code: 'REBUILDING' });
    await expect(view.write(place, 0, ['x'])).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'REBUILDING',
    });
    await serve(view);
    expect(await view.read(total, 0, [])).toBe('0');
  });

  it('goes on from the watermark in Redis, whatever Kafka says', async () => {
    const view = projection();
    const server = await serve(view);
    await command(0, 40);
    await eventually(async () => (await counted(view)) === 40);
    await server.close();
    const lastOffsets = await Promise.all([0, 1].map((p) => stack.redis.hget(view.key(p, 'meta'), 'offset')));
    // Another group has no offsets in Kafka at all: only the watermark can tell it where to begin.
    const seen: number[][] = [[], []];
    const other = stack.server([commands], { group: `other-${name}` });
    const successor = projection();
    other.ownPartitions(commands, successor);
    handleBatch(other, commands, 50, async (events) => {
      for (const { partition, offset } of events) seen[partition]?.push(offset);
      await successor.apply(
        count,
        events[0]?.partition ?? 0,
        { upTo: events.at(-1)?.offset },
        argsOf(events),
      );
    });
    await listen(other);
    await command(40, 60);
    await eventually(async () => (await counted(successor)) === 60);
    expect(seen.map((offsets) => offsets[0])).toEqual(lastOffsets.map((offset) => Number(offset) + 1));
  });

  it('rebuilds a wiped Redis from the log without being asked, and goes on', async () => {
    const view = projection();
    await serve(view);
    await command(0, 100);
    await eventually(async () => (await counted(view)) === 100);
    await view.relayIdle();
    await wipe();
    await command(100, 150);
    await eventually(async () => (await counted(view).catch(() => 0)) === 150);
    await view.relayIdle();
    const ids = await resultIds();
    expect(new Set(ids).size).toBe(150);
    // What the log held already was not published again.
    expect(ids).toHaveLength(150);
  });

  it('renews a damaged state when it is told to, in the middle of a stream', async () => {
    const view = projection();
    await serve(view);
    await command(0, 100);
    await eventually(async () => (await counted(view)) === 100);
    const before = await Promise.all([0, 1].map((p) => stack.redis.hgetall(view.key(p, 'meta'))));
    await stack.redis.set(view.key(0, 'total'), '7');
    await stack.redis.del(view.key(1, 'seen'));
    // Any instance can tell them to, also one that owns nothing.
    const renewing = projection().renew(partitions, new AbortController().signal);
    await command(100, 300);
    await renewing;
    await eventually(async () => (await counted(view).catch(() => 0)) === 300);
    await view.relayIdle();
    expect(new Set(await resultIds()).size).toBe(300);
    const after = await Promise.all([0, 1].map((p) => stack.redis.hgetall(view.key(p, 'meta'))));
    for (const [p, meta] of after.entries()) {
      expect(meta['epoch']).not.toBe(before[p]?.['epoch']);
      expect(Number(meta['token'])).toBeGreaterThan(Number(before[p]?.['token']));
    }
  });

  it('waits for an owner when it renews, until it is told to stop', async () => {
    const view = projection();
    const stop = new AbortController();
    const renewing = view.renew(1, stop.signal);
    stop.abort();
    await expect(renewing).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(view.renew(1, stop.signal)).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('notices a wiped Redis though no message arrives', async () => {
    const view = projection();
    await serve(view);
    await command(0, 30);
    await eventually(async () => (await counted(view)) === 30);
    await wipe();
    await eventually(async () => (await counted(view).catch(() => 0)) === 30);
    expect(await stack.redis.hget(view.key(0, 'meta'), 'status')).toBe('ready');
  });

  it('survives a wipe in the middle of a stream', async () => {
    const view = projection();
    await serve(view);
    const publishing = (async () => {
      for (let n = 0; n < 2000; n += 100) await command(n, n + 100);
    })();
    await eventually(async () => (await counted(view).catch(() => 0)) > 300);
    await wipe();
    await publishing;
    await eventually(async () => (await counted(view).catch(() => 0)) === 2000);
    await view.relayIdle();
    expect(new Set(await resultIds()).size).toBe(2000);
  });

  it('refuses an owner that was overtaken: FENCED', async () => {
    const first = projection();
    const second = projection();
    await first.assigned(0, idle);
    await first.apply(count, 0, { upTo: 0 }, ['a', 0]);
    expect(await second.assigned(0, idle)).toBe(1);
    const late = first.apply(count, 0, { upTo: 1 }, ['b', 1]);
    await expect(late).rejects.toBeInstanceOf(PositionLost);
    await expect(late).rejects.toMatchObject({ reason: 'FENCED' });
    await expect(first.apply(count, 0, {}, ['c', 1])).rejects.toMatchObject({ reason: 'FENCED' });
    await second.apply(count, 0, { upTo: 1 }, ['b', 1]);
    expect(await second.read(total, 0, [])).toBe('2');
  });

  it('refuses an owner whose state was replaced: EPOCH', async () => {
    const first = projection();
    await first.assigned(0, idle);
    await first.apply(count, 0, { upTo: 0 }, ['a', 0]);
    await wipe();
    await expect(first.apply(count, 0, { upTo: 1 }, ['b', 1])).rejects.toMatchObject({ reason: 'EPOCH' });
    // A rebuild gives the same token again, for the counter was wiped too: only the epoch tells the two apart.
    const second = projection();
    await second.assigned(0, idle);
    expect(await stack.redis.hget(first.key(0, 'meta'), 'token')).toBe('1');
    await expect(first.apply(count, 0, {}, ['b', 1])).rejects.toMatchObject({ reason: 'EPOCH' });
    expect(await second.read(total, 0, [])).toBe('0');
  });

  it('refuses to skip or repeat records: GAP', async () => {
    const view = projection();
    await view.assigned(0, idle);
    await view.apply(count, 0, { upTo: 4 }, ['a', 4]);
    // As if an answer had been lost: Redis is ahead of what this instance knows.
    await stack.redis.hset(view.key(0, 'meta'), 'offset', '9');
    await expect(view.apply(count, 0, { upTo: 7 }, ['b', 7])).rejects.toMatchObject({ reason: 'GAP' });
    expect(await view.read(total, 0, [])).toBe('1');
    expect(await view.assigned(0, idle)).toBe(10);
  });

  it('refuses what was pipelined behind a failed call', async () => {
    const view = projection();
    await view.assigned(0, idle);
    const broken = defineScript('spec-broken', `return redis.error_reply('NOPE never')`);
    const settled = await Promise.allSettled([
      view.apply(count, 0, { upTo: 0 }, ['a', 0]),
      view.apply(broken, 0, { upTo: 1 }, []),
      view.apply(count, 0, { upTo: 2 }, ['c', 2]),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect((settled[2] as PromiseRejectedResult).reason).toMatchObject({ reason: 'GAP' });
    await view.apply(count, 0, { upTo: 2 }, ['b', 1, 'c', 2]);
    expect(await view.read(total, 0, [])).toBe('3');
  });

  it('leaves what a killed owner did not publish to the next', async () => {
    // The first owner applies but, as if killed, never publishes.
    const never = Promise.withResolvers<void>();
    const killed = projection({ producer: { publishInOrder: () => never.promise } });
    await killed.assigned(0, idle);
    await killed.apply(count, 0, { upTo: 2 }, ['a', 0, 'b', 1, 'c', 2]);
    expect(await stack.redis.llen(killed.key(0, 'outbox'))).toBe(3);
    const next = projection();
    expect(await next.assigned(0, idle)).toBe(3);
    await next.relayIdle();
    expect((await resultIds()).toSorted()).toEqual(['a/done', 'b/done', 'c/done']);
    expect(await stack.redis.llen(next.key(0, 'outbox'))).toBe(0);
    never.reject(new Error('killed'));
  });

  it('publishes in order, also when the log refuses for a while', async () => {
    const published: string[] = [];
    let refusals = 3;
    const view = projection({
      producer: {
        publishInOrder: (events) => {
          if (refusals-- > 0) return Promise.reject(new Error('no quorum'));
          published.push(...events.map(({ id }) => id));
          return Promise.resolve();
        },
      },
    });
    await view.assigned(0, idle);
    for (let n = 0; n < 30; n++) await view.apply(count, 0, { upTo: n }, [`${n}`, n]);
    await view.relayIdle();
    expect(published).toEqual(Array.from({ length: 30 }, (_, n) => `${n}/done`));
  });

  it('publishes what somebody else wrote', async () => {
    const owner = projection();
    const other = projection();
    await owner.assigned(1, idle);
    await other.write(place, 1, ['order-1']);
    await eventually(async () => (await resultIds()).includes('order-1/placed'));
    expect(owner.owns(1)).toBe(true);
    expect(other.owns(1)).toBe(false);
  });

  it('runs its scripts after Redis forgot them', async () => {
    const view = projection();
    await view.assigned(0, idle);
    await view.apply(count, 0, { upTo: 0 }, ['a', 0]);
    await stack.redis.script('FLUSH');
    await Promise.all([1, 2, 3].map((n) => view.apply(count, 0, { upTo: n }, [`${n}`, n])));
    expect(await view.read(total, 0, [])).toBe('4');
  });

  it('tries a failed rebuild again, and gives way to a later claim during it', async () => {
    let failures = 2;
    const gate = Promise.withResolvers<void>();
    const slow = projection({
      rebuild: async (_, run) => {
        await gate.promise;
        await run.apply(count, {}, ['stale', 0]);
        return 1;
      },
    });
    const claiming = slow.assigned(0, idle);
    await eventually(() => stack.redis.exists(slow.key(0, 'meta')));
    const quick = projection({
      rebuild: async () => {
        if (failures-- > 0) throw new Error('the log is away');
        return 0;
      },
    });
    await expect(quick.assigned(0, idle)).rejects.toThrow('the log is away');
    await serve(quick);
    gate.resolve();
    await expect(claiming).rejects.toBeInstanceOf(PositionLost);
    expect(await quick.read(total, 0, [])).toBe('0');
  });

  it('puts a poison command aside and goes on', async () => {
    const view = projection();
    await serve(view);
    await stack.publish(commands, key(0, partitions), 'a');
    await stack.producer.publishRaw({
      topic: commands.name,
      key: Buffer.from(key(0, partitions)),
      value: Buffer.from('?'),
      headers: {},
    });
    await stack.publish(commands, key(0, partitions), 'b');
    await eventually(async () => (await view.read(total, 0, [])) === '2');
    const dead = deadLetterTopic(commands.name, `g-${name}`);
    expect(await stack.connection.reader.ranges(dead)).toEqual([{ partition: 0, from: 0, end: 1 }]);
  });

  it('gives its partitions to a second instance and takes them back, each command counted once', async () => {
    const one = projection();
    await serve(one);
    await command(0, 100);
    const two = projection();
    const server = stack.server([commands], {
      group: `g-${name}`,
      instanceId: 'two',
      sessionTimeoutMs: 3000,
    });
    server.ownPartitions(commands, two);
    handleBatch(server, commands, 50, async (events) => {
      await two.apply(count, events[0]?.partition ?? 0, { upTo: events.at(-1)?.offset }, argsOf(events));
    });
    await listen(server);
    await eventually(() => one.partitions.length === 1 && two.partitions.length === 1);
    await command(100, 200);
    await eventually(async () => (await counted(one)) === 200);
    await server.close();
    await eventually(() => one.partitions.length === 2);
    await command(200, 300);
    await eventually(async () => (await counted(one)) === 300);
    await one.relayIdle();
    expect(new Set(await resultIds()).size).toBe(300);
  });
});
