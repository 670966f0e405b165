import { ManualClock } from '@flashmesh/core';
import type { ConsumerListener, ConsumerOptions, DriverConsumer } from './driver.ts';
import { GroupConsumer } from './group-consumer.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { PartitionOwner } from './partition-owner.ts';
import { testLogger, testTopic } from './spec-support.ts';

const topic = testTopic();

/** A connection whose consumers the test plays the broker for. */
class FakeConnection {
  readonly opened: { listener: ConsumerListener; consumer: DriverConsumer; closed: boolean }[] = [];
  readonly commits: unknown[] = [];
  readonly calls: string[] = [];
  refusals = 0;
  refusal = new Error('no broker');

  openConsumer(_: ConsumerOptions, listener: ConsumerListener): Promise<DriverConsumer> {
    if (this.refusals-- > 0) return Promise.reject(this.refusal);
    const member = {
      listener,
      closed: false,
      consumer: {
        seek: (_topic: string, partition: number, offset: number) =>
          this.calls.push(`seek ${partition} ${offset}`),
        pause: (_topic: string, partition: number) => this.calls.push(`pause ${partition}`),
        resume: (_topic: string, partition: number) => this.calls.push(`resume ${partition}`),
        commit: (positions: unknown) => Promise.resolve(void this.commits.push(positions)),
        close: () => Promise.resolve(void (member.closed = true)),
      } satisfies DriverConsumer,
    };
    this.opened.push(member);
    return Promise.resolve(member.consumer);
  }
}

function setUp(owner?: PartitionOwner, remembers = true) {
  const connection = new FakeConnection();
  const clock = new ManualClock();
  const services = {
    deadLetters: { put: () => Promise.resolve() },
    retry: { initialDelayMs: 10, maxDelayMs: 100, poisonAttempts: 3 },
    clock,
    logger: testLogger,
  };
  const ranges = () => Promise.resolve([0, 1].map((partition) => ({ partition, from: 2, end: 7 })));
  const group = new GroupConsumer({
    connection: {
      openConsumer: (options, listener) => connection.openConsumer(options, listener),
      reader: { ranges } as unknown as KafkaConnection['reader'],
    },
    group: 'g',
    remembers,
    subscriptions: [{ topic, batch: 1, from: 'latest', owner, handle: () => Promise.resolve() }],
    services,
    sessionTimeoutMs: 6000,
    paceMs: 0,
    clock,
    logger: testLogger,
  });
  const assign = (member: number, partitions: number[]) => {
    const { listener, consumer } = connection.opened[member] ?? {};
    if (consumer) listener?.onAssigned(consumer, new Map([[topic.name, partitions]]));
  };
  return { connection, clock, group, assign };
}

/** Remembers what happens to its partitions. */
class RecordingOwner implements PartitionOwner {
  readonly log: string[] = [];

  assigned(partition: number): Promise<number> {
    this.log.push(`assigned ${partition}`);
    return Promise.resolve(100);
  }

  revoked(partition: number): void {
    this.log.push(`revoked ${partition}`);
  }
}

describe('GroupConsumer', () => {
  it('opens another consumer when its own crashes, however often that fails', async () => {
    const owner = new RecordingOwner();
    const { connection, clock, group, assign } = setUp(owner);
    await group.start();
    assign(0, [0]);
    await clock.advance(0);
    expect(group.healthy).toBe(true);
    connection.refusals = 3;
    connection.opened[0]?.listener.onFailure(new Error('crashed'));
    await clock.advance(0);
    expect(group.healthy).toBe(false);
    expect(connection.opened[0]?.closed).toBe(true);
    await clock.advance(10_000);
    expect(group.healthy).toBe(true);
    assign(1, [0]);
    await clock.advance(0);
    expect(owner.log).toEqual(['assigned 0', 'revoked 0', 'assigned 0']);
    await group.stop();
    expect(clock.pending).toBe(0);
  });

  it('opens another consumer when its own falls silent', async () => {
    const { connection, clock, group } = setUp();
    await group.start();
    for (let n = 0; n < 60; n++) {
      await clock.advance(1000);
      connection.opened[0]?.listener.onActivity();
    }
    expect(connection.opened).toHaveLength(1);
    for (let n = 0; n < 35; n++) await clock.advance(1000);
    expect(connection.opened).toHaveLength(2);
    await group.stop();
  });

  it('waits for a Kafka that is still starting', async () => {
    const { connection, clock, group } = setUp();
    connection.refusals = 2;
    connection.refusal = Object.assign(new Error('the coordinator is loading'), { retriable: true });
    const started = group.start();
    for (let n = 0; n < 5; n++) await clock.advance(300);
    await started;
    expect(group.healthy).toBe(true);
    await group.stop();
  });

  it('is not a start when the first join fails', async () => {
    const { connection, group } = setUp();
    connection.refusals = 1;
    await expect(group.start()).rejects.toThrow('no broker');
    expect(group.healthy).toBe(false);
  });

  it('claims kept partitions again in a new generation, and tells of lost ones', async () => {
    const owner = new RecordingOwner();
    const { connection, clock, group, assign } = setUp(owner);
    await group.start();
    assign(0, [0, 1]);
    await clock.advance(0);
    assign(0, [1]);
    await clock.advance(0);
    expect(owner.log).toEqual(['assigned 0', 'assigned 1', 'revoked 0', 'assigned 1']);
    expect(connection.calls.filter((call) => call.startsWith('seek'))).toEqual([
      'seek 0 100',
      'seek 1 100',
      'seek 1 100',
    ]);
    await group.stop();
    expect(owner.log.at(-1)).toBe('revoked 1');
  });

  it('stores positions while it runs and once more when it stops', async () => {
    const { connection, clock, group, assign } = setUp(new RecordingOwner());
    await group.start();
    assign(0, [0]);
    await clock.advance(0);
    await clock.advance(1000);
    expect(connection.commits).toEqual([[expect.objectContaining({ partition: 0, offset: 100 })]]);
    const offer = { topic: topic.name, partition: 0, fetchedOffset: 100, nextOffset: 103, records: [] };
    await connection.opened[0]?.listener.onBatch(offer);
    await clock.advance(0);
    await group.stop();
    expect(connection.commits.at(-1)).toEqual([expect.objectContaining({ partition: 0, offset: 103 })]);
  });

  it('begins a broadcast at the end as of its start, and goes on where it was after a crash', async () => {
    const { connection, clock, group, assign } = setUp(undefined, false);
    await group.start();
    assign(0, [0]);
    await clock.advance(0);
    expect(connection.calls).toContain('seek 0 7');
    const offer = { topic: topic.name, partition: 0, fetchedOffset: 7, nextOffset: 9, records: [] };
    await connection.opened[0]?.listener.onBatch(offer);
    await clock.advance(0);
    connection.opened[0]?.listener.onFailure(new Error('crashed'));
    await clock.advance(1000);
    assign(1, [0]);
    await clock.advance(0);
    expect(connection.calls.filter((call) => call.startsWith('seek'))).toEqual(['seek 0 7', 'seek 0 9']);
    expect(connection.commits).toEqual([]);
    await group.stop();
  });
});
