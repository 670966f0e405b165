import { readLog } from './read-log.ts';
import { eventually, kafkaConnection, Stack } from './spec-support.ts';

describe('readLog', () => {
  let stack: Stack;
  beforeEach(() => {
    stack = new Stack();
  });
  afterEach(() => stack.close());

  it('reads a topic from beginning to end, in order within each partition, and answers where to go on', async () => {
    const topic = await stack.topic(3);
    await Promise.all(Array.from({ length: 3000 }, (_, n) => stack.publish(topic, `k${n % 40}`, `${n}`)));
    const offsets = new Map<number, number[]>();
    const ids = new Set<string>();
    const ends = await readLog(stack.connection, topic, {}, (events) => {
      for (const { partition, offset, id } of events) {
        offsets.set(partition, [...(offsets.get(partition) ?? []), offset]);
        ids.add(id);
      }
    });
    expect(ids.size).toBe(3000);
    for (const [partition, seen] of offsets) {
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, n) => n));
      expect(ends.get(partition)).toBe(seen.length);
    }
  });

  it('reads one partition only', async () => {
    const topic = await stack.topic(3);
    await Promise.all(Array.from({ length: 60 }, (_, n) => stack.publish(topic, `k${n}`, `${n}`)));
    const partitions = new Set<number>();
    const ends = await readLog(stack.connection, topic, { partition: 1 }, (events) => {
      for (const { partition } of events) partitions.add(partition);
    });
    expect([...partitions]).toEqual([1]);
    expect([...ends.keys()]).toEqual([1]);
  });

  it('ends at once on an empty topic, and joins no group', async () => {
    const topic = await stack.topic(8);
    const startedAt = performance.now();
    const ends = await readLog(stack.connection, topic, {}, () => {
      throw new Error('nothing to read');
    });
    process.stdout.write(`readLog of an empty topic: ${Math.round(performance.now() - startedAt)} ms\n`);
    expect([...ends.values()]).toEqual(Array.from({ length: 8 }, () => 0));
  });

  it('skips what is no event, and tells', async () => {
    const topic = await stack.topic(1);
    await stack.publish(topic, 'k', 'a');
    await stack.producer.publishRaw({ topic: topic.name, key: null, value: Buffer.from('?'), headers: {} });
    await stack.publish(topic, 'k', 'b');
    const ids: string[] = [];
    const bad: number[] = [];
    const onUndecodable = (_: number, { offset }: { offset: number }) => void bad.push(offset);
    await readLog(
      stack.connection,
      topic,
      { onUndecodable },
      (events) => void ids.push(...events.map(({ id }) => id)),
    );
    expect(ids).toEqual(['a', 'b']);
    expect(bad).toEqual([1]);
  });

  it('reads over the gaps of a compacted topic', async () => {
    const topic = await stack.topic(1, {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.01',
      'max.compaction.lag.ms': '100',
    });
    // Each append after the pause rolls the segment before it, which makes it ready to be compacted.
    for (let n = 0; n < 6; n++) {
      await Promise.all(Array.from({ length: 20 }, (_, m) => stack.publish(topic, `k${m % 5}`, `${n}-${m}`)));
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
    const last = new Map<string, string>();
    const ends = await readLog(stack.connection, topic, {}, (events) => {
      for (const { key, id } of events) last.set(key, id);
    });
    expect(ends.get(0)).toBe(120);
    expect(Object.fromEntries(last)).toEqual({ k0: '5-15', k1: '5-16', k2: '5-17', k3: '5-18', k4: '5-19' });
  });

  it('leaves no connection open though many reads begin at once', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((each) => each === 'TCPSocketWrap').length;
    const topic = await stack.topic(8);
    await Promise.all(Array.from({ length: 80 }, (_, n) => stack.publish(topic, `k${n}`, `${n}`)));
    await stack.close();
    await eventually(() => sockets() === 0);
    // Which of two connections wins is a race: several rounds, so that a leak does not hide.
    for (let round = 0; round < 5; round++) {
      const fresh = kafkaConnection();
      await Promise.all(
        Array.from({ length: 8 }, (_, partition) => readLog(fresh, topic, { partition }, () => {})),
      );
      await fresh.close();
    }
    await eventually(() => sockets() === 0, 5000);
    expect(sockets()).toBe(0);
  });
});
