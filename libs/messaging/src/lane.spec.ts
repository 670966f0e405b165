import { ManualClock, unavailable } from '@flashmesh/core';
import { event } from '@flashmesh/contracts';
import type { FetchedBatch } from './driver.ts';
import { encodeHeaders } from './envelope.ts';
import { Lane, type Subscription } from './lane.ts';
import type { PartitionControl } from './partition-owner.ts';
import { PositionLost } from './position-lost.ts';
import { testEvent, testLogger, testTopic } from './spec-support.ts';

const topic = testTopic();

function batch(from: number, offsets: number[], nextOffset = (offsets.at(-1) ?? from) + 1): FetchedBatch {
  const records = offsets.map((offset) => ({
    offset,
    key: Buffer.from('k'),
    value: Buffer.from(event.Event.encode(testEvent(`${offset}`)).finish()),
    headers: encodeHeaders({ id: `${offset}`, type: topic.type, source: '/s', time: 0 }),
    timestamp: 0,
  }));
  return { topic: topic.name, partition: 0, fetchedOffset: from, nextOffset, records };
}

function setUp(subscription: Partial<Subscription> = {}, start: ConstructorParameters<typeof Lane>[4] = {}) {
  const clock = new ManualClock();
  const handled: string[][] = [];
  const flow: string[] = [];
  const dead: string[] = [];
  const lane = new Lane(
    0,
    {
      topic,
      batch: 1,
      handle: (events) => Promise.resolve(void handled.push(events.map(({ id }) => id))),
      ...subscription,
    },
    {
      seek: (offset) => flow.push(`seek ${offset}`),
      pause: () => flow.push('pause'),
      resume: () => flow.push('resume'),
    },
    {
      deadLetters: {
        put: (_topic, _partition, { offset }) => Promise.resolve(void dead.push(`${offset}`)),
      },
      retry: { initialDelayMs: 100, maxDelayMs: 1000, poisonAttempts: 3 },
      clock,
      logger: testLogger,
    },
    start,
  );
  const settle = () => clock.advance(0);
  return { lane, clock, handled, flow, dead, settle };
}

describe('Lane', () => {
  it('handles what is offered, in order, and knows how far it came', async () => {
    const { lane, handled, settle } = setUp({ batch: 2 });
    await lane.offer(batch(0, [0, 1, 2]));
    // The end of a compacted fetch lies behind its last record.
    await lane.offer(batch(3, [5], 9));
    await settle();
    expect(handled).toEqual([
      ['0', '1'],
      ['2', '5'],
    ]);
    expect(lane.position).toBe(9);
    lane.close();
    await lane.done;
  });

  it('waits between the attempts of a transient failure, and handles nothing else meanwhile', async () => {
    let failures = 2;
    const calls: string[] = [];
    const { lane, clock, settle } = setUp({
      handle: ([first]) => {
        calls.push(first?.id ?? '');
        return failures-- > 0
          ? Promise.reject(unavailable('X', 'x', { retryAfterMs: 0 }))
          : Promise.resolve();
      },
    });
    await lane.offer(batch(0, [0, 1]));
    await settle();
    expect(calls).toEqual(['0']);
    await clock.advance(100);
    expect(calls).toEqual(['0', '0']);
    expect(lane.position).toBeUndefined();
    await clock.advance(200);
    expect(calls).toEqual(['0', '0', '0', '1']);
    lane.close();
    await lane.done;
    expect(clock.pending).toBe(0);
  });

  it('gives up its retries when closed, without counting the event as handled', async () => {
    const { lane, clock, settle } = setUp({ handle: () => Promise.reject(unavailable('X', 'x')) });
    await lane.offer(batch(0, [0]));
    await settle();
    lane.close();
    await lane.done;
    expect(lane.position).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('takes nothing before its partition is claimed, and begins where the owner says', async () => {
    const claim = Promise.withResolvers<number>();
    const owner = { assigned: () => claim.promise, revoked: () => {} };
    const { lane, handled, flow, settle } = setUp({ owner });
    await lane.offer(batch(0, [0, 1]));
    claim.resolve(5);
    await settle();
    expect(flow).toEqual(['pause', 'pause', 'seek 5', 'resume']);
    // Fetched before the seek took effect.
    await lane.offer(batch(2, [2, 3]));
    await lane.offer(batch(5, [5, 6]));
    await settle();
    expect(handled).toEqual([['5'], ['6']]);
    lane.close();
    await lane.done;
  });

  it('claims again when its place is lost, dropping what was fetched', async () => {
    const starts = [0, 1];
    let claims = 0;
    const owner = { assigned: () => Promise.resolve(starts[claims++] ?? -1), revoked: () => {} };
    const handled: string[] = [];
    const { lane, clock, settle } = setUp({
      owner,
      handle: ([first]) => {
        handled.push(first?.id ?? '');
        return handled.length === 2 ? Promise.reject(new PositionLost('EPOCH', 'wiped')) : Promise.resolve();
      },
    });
    await settle();
    await lane.offer(batch(0, [0, 1, 2]));
    await settle();
    expect(handled).toEqual(['0', '1']);
    await clock.advance(2000);
    expect(claims).toBe(2);
    await lane.offer(batch(3, [3]));
    await lane.offer(batch(1, [1, 2, 3]));
    await settle();
    expect(handled).toEqual(['0', '1', '1', '2', '3']);
    expect(lane.position).toBe(4);
    lane.close();
    await lane.done;
  });

  it('claims again when its owner asks for it though nothing arrives', async () => {
    let claims = 0;
    let control: PartitionControl | undefined;
    const owner = {
      assigned: (_: number, given: PartitionControl) => {
        control = given;
        claims++;
        return Promise.resolve(0);
      },
      revoked: () => {},
    };
    const { lane, settle } = setUp({ owner });
    await settle();
    control?.restart();
    await settle();
    expect(claims).toBe(2);
    lane.close();
    await lane.done;
  });

  it('begins only after the lane before it has ended, where that one came to', async () => {
    const before = Promise.withResolvers<void>();
    let reached = 3;
    const { lane, handled, flow, settle } = setUp({}, { previous: before.promise, position: () => reached });
    await lane.offer(batch(0, [0]));
    await settle();
    reached = 4;
    before.resolve();
    await settle();
    await lane.offer(batch(4, [4]));
    await settle();
    expect(flow).toEqual(['pause', 'seek 4', 'resume']);
    expect(handled).toEqual([['4']]);
    lane.close();
    await lane.done;
  });

  it('pauses its partition when it is full and stays so, and resumes it when there is room', async () => {
    const gate = Promise.withResolvers<void>();
    const { lane, clock, flow, settle } = setUp({ batch: 1000, handle: () => gate.promise });
    const offered = lane.offer(
      batch(
        0,
        Array.from({ length: 3000 }, (_, n) => n),
      ),
    );
    await clock.advance(60);
    await offered;
    expect(flow).toEqual(['pause', 'resume', 'pause']);
    gate.resolve();
    await settle();
    expect(flow).toEqual(['pause', 'resume', 'pause', 'resume']);
    lane.close();
    await lane.done;
  });

  it('goes on where the log does when the expected offset is gone for good', async () => {
    const { lane, handled, flow, settle } = setUp({}, { position: () => 3 });
    for (let n = 0; n < 5; n++) await lane.offer(batch(10, [10]));
    await settle();
    expect(flow.filter((each) => each === 'seek 3')).toHaveLength(5);
    expect(handled).toEqual([['10']]);
    lane.close();
    await lane.done;
  });

  it('puts each poison of a batch aside and handles the others', async () => {
    const handled: string[] = [];
    const { lane, clock, dead, settle } = setUp({
      batch: 10,
      handle: (events) => {
        if (events.some(({ id }) => id === '1' || id === '3')) return Promise.reject(new TypeError('poison'));
        handled.push(...events.map(({ id }) => id));
        return Promise.resolve();
      },
    });
    await lane.offer(batch(0, [0, 1, 2, 3]));
    await settle();
    await clock.advance(5000);
    expect(handled).toEqual(['0', '2']);
    expect(dead).toEqual(['1', '3']);
    expect(lane.position).toBe(4);
    lane.close();
    await lane.done;
  });
});
