import { randomUUID } from 'node:crypto';
import { event, topics } from '@flashmesh/contracts';
import { ManualClock, systemClock } from '@flashmesh/core';
import { EventProducer, KafkaConnection, readLog } from '@flashmesh/messaging';
import { createLogger } from '@flashmesh/telemetry';
import { Redis } from 'ioredis';
import { EventMarks } from './event-marks.ts';
import { Ingest } from './ingest.ts';

const logger = createLogger({ service: 'test', instance: 'ingest', level: 'silent' });
const name = `ingest-${randomUUID().slice(0, 8)}`;
const topic = { ...topics.ingest, name };

describe('Ingest, on real Kafka and Redis', () => {
  const redis = new Redis(process.env['REDIS_URL'] ?? '');
  const brokers = (process.env['KAFKA_BROKERS'] ?? '').split(',');
  const kafka = new KafkaConnection({ brokers, clientId: name, logger });
  const producer = new EventProducer(kafka, { source: '/test' });
  // The time of day that decides whether a pending mark is old; waiting still takes real time.
  const wall = new ManualClock();
  const clock = { ...systemClock, now: () => wall.now() };
  const options = { topic, marks: new EventMarks(redis, name), kafka, producer, logger, clock };
  const ingest = new Ingest(options);

  beforeAll(() => kafka.ensureTopics([{ name, partitions: 3, config: {} }]));
  afterAll(async () => {
    await producer.close();
    await kafka.close();
    redis.disconnect();
  });

  const make = (id = randomUUID(), key = '') =>
    event.Event.create({ id, key, type: 'com.example.tried', source: '/test', data: Buffer.from('hello') });

  async function inLog(id: string): Promise<number> {
    let found = 0;
    await readLog(kafka, topic, {}, (events) => {
      found += events.filter((each) => each.id === id).length;
    });
    return found;
  }

  async function emptyRedis(): Promise<void> {
    const keys = await redis.keys(`{${name}}:*`);
    if (keys.length > 0) await redis.del(...keys);
  }

  it('appends an event once, with its data', async () => {
    const sent = make();
    expect(await ingest.receive(sent)).toEqual({ id: sent.id, duplicate: false });
    expect(await ingest.receive(sent)).toEqual({ id: sent.id, duplicate: true });
    expect(await inLog(sent.id)).toBe(1);
    let data = '';
    await readLog(kafka, topic, {}, (events) => {
      data = events.find(({ id }) => id === sent.id)?.data.data.toString() ?? data;
    });
    expect(data).toBe('hello');
  });

  it('appends once what comes many times at once, here and at another instance, also under another key', async () => {
    const id = randomUUID();
    const other = new Ingest({ ...options, marks: new EventMarks(redis, name) });
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? ingest : other).receive(make(id, `key-${i}`))),
    );
    expect(replies.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(await inLog(id)).toBe(1);
  });

  it('knows what was appended before Redis was emptied', async () => {
    const sent = make();
    await ingest.receive(sent);
    await emptyRedis();
    expect(await ingest.receive(sent)).toEqual({ id: sent.id, duplicate: true });
    expect(await ingest.receive(make())).toMatchObject({ duplicate: false });
    expect(await inLog(sent.id)).toBe(1);
  });

  it('asks the log about an append that nobody finished', async () => {
    const [appended, lost] = [make(), make()];
    const marks = options.marks;
    for (const { id } of [appended, lost]) await marks.claim(id, id, clock.now());
    // One instance died after the append, another one before.
    await producer.publish(topic, { key: appended.id, id: appended.id, data: appended });
    await expect(ingest.receive(lost)).rejects.toMatchObject({ kind: 'unavailable', code: 'EVENT_PENDING' });
    await wall.advance(15_000);
    expect(await ingest.receive(appended)).toMatchObject({ duplicate: true });
    expect(await ingest.receive(lost)).toMatchObject({ duplicate: false });
    expect([await inLog(appended.id), await inLog(lost.id)]).toEqual([1, 1]);
  });

  it('lets only one instance rebuild, and nobody finish a rebuild that was overtaken', async () => {
    await emptyRedis();
    expect(await options.marks.beginRebuild('one', 1000)).toBe(true);
    await expect(ingest.receive(make())).rejects.toMatchObject({ code: 'REBUILDING' });
    await emptyRedis();
    expect(await options.marks.finishRebuild('one')).toBe(false);
    expect(await ingest.receive(make())).toMatchObject({ duplicate: false });
  });
});
