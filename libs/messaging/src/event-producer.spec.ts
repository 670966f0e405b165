import { ManualClock, partitionOf } from '@flashmesh/core';
import type { DriverProducer, OutgoingRecord } from './driver.ts';
import { EventProducer } from './event-producer.ts';
import { testEvent, testTopic } from './spec-support.ts';

const topic = testTopic();
const other = testTopic();

/** A driver whose rounds the test ends. */
class FakeDriver implements DriverProducer {
  readonly rounds: { records: readonly OutgoingRecord[]; end(error?: Error): void }[] = [];

  send(records: readonly OutgoingRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.rounds.push({ records, end: (error) => (error ? reject(error) : resolve()) });
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function setUp(options: { maxBufferedRecords?: number; maxRoundBytes?: number } = {}) {
  const driver = new FakeDriver();
  const clock = new ManualClock();
  const connection = { partitionsOf: () => Promise.resolve(4), openProducer: () => driver };
  const producer = new EventProducer(connection, {
    source: '/spec',
    clock,
    deliveryTimeoutMs: 1000,
    paceMs: 0,
    ...options,
  });
  const publish = (id: string, to = topic) => producer.publish(to, { key: id, id, data: testEvent(id) });
  const ids = () => driver.rounds.map(({ records }) => records.map(({ headers }) => headers['ce_id']));
  return { driver, clock, producer, publish, ids };
}

/** Lets the producer learn its partitions and begin its round: by turns of the event loop, for a timer may fire before them. */
const turn = async () => {
  for (let n = 0; n < 3; n++) await new Promise<void>((resolve) => setImmediate(resolve));
};

describe('EventProducer', () => {
  it('sends what is published together in one round over all topics, and the next while it is under way in the next', async () => {
    const { driver, publish, ids } = setUp();
    const first = [publish('a'), publish('b', other), publish('c')];
    await turn();
    const second = [publish('d'), publish('e')];
    await turn();
    expect(ids()).toEqual([['a', 'b', 'c']]);
    driver.rounds[0]?.end();
    await Promise.all(first);
    await turn();
    expect(ids()).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e'],
    ]);
    driver.rounds[1]?.end();
    await Promise.all(second);
  });

  it('resolves a publish only when its round is acknowledged', async () => {
    const { driver, producer, publish } = setUp();
    let acknowledged = false;
    const published = publish('a').then(() => (acknowledged = true));
    await turn();
    expect(acknowledged).toBe(false);
    expect(producer.buffered).toBe(1);
    driver.rounds[0]?.end();
    await published;
    expect(producer.buffered).toBe(0);
  });

  it("chooses the partition that Kafka's own clients choose", async () => {
    const { driver, publish } = setUp();
    const keys = ['21', 'foobar', 'a-little-bit-long-string', 'ord_01'];
    const published = keys.map((key) => publish(key));
    await turn();
    // Values of org.apache.kafka.common.utils.Utils.murmur2, from its own test: toPositive(hash) % 4.
    const positive = (hash: number) => (hash & 0x7fffffff) % 4;
    const chosen = driver.rounds[0]?.records.map(({ partition }) => partition);
    expect(chosen?.slice(0, 3)).toEqual([-973932308, -790332482, -985981536].map(positive));
    expect(chosen?.[3]).toBe(partitionOf('ord_01', 4));
    driver.rounds[0]?.end();
    await Promise.all(published);
  });

  it('refuses more than its buffer holds, and takes more when there is room again', async () => {
    const { driver, publish } = setUp({ maxBufferedRecords: 2 });
    const held = [publish('a'), publish('b')];
    await turn();
    await expect(publish('c')).rejects.toMatchObject({
      kind: 'resource_exhausted',
      code: 'PRODUCER_BUFFER_FULL',
    });
    driver.rounds[0]?.end();
    await Promise.all(held);
    const later = publish('d');
    await turn();
    driver.rounds[1]?.end();
    await later;
  });

  it('fails the publishes of a round that the log did not acknowledge, and only those', async () => {
    const { driver, publish } = setUp();
    const failed = publish('a');
    await turn();
    const fine = publish('b');
    driver.rounds[0]?.end(new Error('no quorum'));
    await expect(failed).rejects.toMatchObject({ kind: 'unavailable', code: 'LOG_UNAVAILABLE' });
    await turn();
    driver.rounds[1]?.end();
    await fine;
  });

  it('gives up what waits too long, and sends nothing while a round is still under way', async () => {
    const { driver, clock, publish, ids } = setUp();
    const onItsWay = publish('a');
    await turn();
    const waiting = publish('b');
    await turn();
    const rejections = Promise.allSettled([onItsWay, waiting]);
    await clock.advance(1500);
    expect((await rejections).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const next = publish('c');
    await turn();
    expect(ids()).toEqual([['a']]);
    driver.rounds[0]?.end();
    await turn();
    expect(ids()).toEqual([['a'], ['c']]);
    driver.rounds[1]?.end();
    await next;
    await clock.advance(1000);
    expect(clock.pending).toBe(0);
  });

  it('keeps rounds below the size that a broker takes, and refuses what is larger alone', async () => {
    const { driver, producer, publish, ids } = setUp({ maxRoundBytes: 1000 });
    const published = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => publish(id));
    await turn();
    while (producer.buffered > 0) {
      driver.rounds.at(-1)?.end();
      await turn();
    }
    await Promise.all(published);
    expect(ids().flat()).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(ids().length).toBeGreaterThan(1);
    const large = producer.publishRaw({
      topic: topic.name,
      key: null,
      value: Buffer.alloc(1001),
      headers: {},
    });
    await expect(large).rejects.toMatchObject({ kind: 'invalid_argument' });
  });

  it('keeps events that belong together in one round', async () => {
    const { driver, producer, publish, ids } = setUp();
    const events = ['a', 'b'].map((id) => ({ topic, key: id, id, data: testEvent(id) }));
    const before = publish('x');
    await turn();
    const together = producer.publishInOrder(events);
    await turn();
    driver.rounds[0]?.end();
    await before;
    await turn();
    expect(ids()).toEqual([['x'], ['a', 'b']]);
    driver.rounds[1]?.end(new Error('no quorum'));
    await expect(together).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
  });

  it('ends what is under way before it closes, and refuses what comes after', async () => {
    const { driver, producer, publish } = setUp();
    const published = publish('a');
    await turn();
    const closed = producer.close();
    await expect(publish('b')).rejects.toMatchObject({ code: 'LOG_UNAVAILABLE' });
    driver.rounds[0]?.end();
    await Promise.all([published, closed]);
  });
});
