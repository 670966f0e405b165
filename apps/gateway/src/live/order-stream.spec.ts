import { order } from '@flashmesh/contracts';
import { ManualClock, unavailable } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { MessageEvent } from '@nestjs/common';
import { OrderChanges } from './order-changes.ts';
import { HEARTBEAT_MS, OrderStreams } from './order-stream.ts';

const { OrderState } = order;
const inState = (state: order.OrderState) => ({ id: 'ord_1', state, reason: 'x' }) as unknown as order.Order;
const logger = { debug: () => undefined } as unknown as Logger;

function setUp(limit = 10) {
  const clock = new ManualClock();
  const changes = new OrderChanges();
  const streams = new OrderStreams({ changes, clock, logger, limit });
  const abort = new AbortController();
  return { clock, changes, streams, abort };
}

/** What a subscriber sees: states, `heartbeat` and `end`. */
function seen(messages: Awaited<ReturnType<OrderStreams['watch']>>) {
  const list: string[] = [];
  const subscription = messages.subscribe({
    next: (message: MessageEvent) => list.push(message.comment ?? (message.data as { state: string }).state),
    complete: () => list.push('end'),
  });
  return { list, subscription };
}

describe('OrderStreams', () => {
  it('misses nothing between reading and watching, repeats nothing, ends at a terminal state', async () => {
    const { changes, streams, abort, clock } = setUp();
    const read = async () => {
      // The order moves on while its older state is on the way.
      changes.publish(inState(OrderState.PAYING));
      return inState(OrderState.PLACED);
    };
    const { list } = seen(await streams.watch('ord_1', read, abort.signal));
    changes.publish(inState(OrderState.PAYING));
    changes.publish({ ...inState(OrderState.CONFIRMED), id: 'ord_2' });
    expect(list).toEqual(['PAYING']);
    changes.publish(inState(OrderState.CONFIRMED));
    changes.publish(inState(OrderState.CONFIRMED));
    expect(list).toEqual(['PAYING', 'CONFIRMED', 'end']);
    expect([streams.running, changes.watched, clock.pending]).toEqual([0, 0, 0]);
  });

  it('sends a terminal state that was there from the beginning, and ends', async () => {
    const { streams, abort } = setUp();
    const { list } = seen(
      await streams.watch('ord_1', async () => inState(OrderState.REJECTED), abort.signal),
    );
    expect(list).toEqual(['REJECTED', 'end']);
    expect(streams.running).toBe(0);
  });

  it('beats, and looks again with each beat', async () => {
    const { streams, abort, clock } = setUp();
    const answers = [inState(OrderState.PLACED), undefined, inState(OrderState.CONFIRMED)];
    const read = async () => {
      const answer = answers.shift();
      if (!answer) throw unavailable('REBUILDING', 'later');
      return answer;
    };
    const { list } = seen(await streams.watch('ord_1', read, abort.signal));
    await clock.advance(HEARTBEAT_MS);
    expect(list).toEqual(['PLACED', 'heartbeat']);
    await clock.advance(HEARTBEAT_MS);
    expect(list).toEqual(['PLACED', 'heartbeat', 'heartbeat', 'CONFIRMED', 'end']);
    expect(clock.pending).toBe(0);
  });

  it('gives back everything when the client leaves, also before it listened, and when reading fails', async () => {
    const { changes, streams, abort, clock } = setUp();
    const read = async () => inState(OrderState.PLACED);
    await streams.watch('ord_1', read, abort.signal);
    const { subscription } = seen(await streams.watch('ord_1', read, new AbortController().signal));
    await expect(
      streams.watch('ord_1', () => Promise.reject(new Error('not yours')), new AbortController().signal),
    ).rejects.toThrow('not yours');
    expect(streams.running).toBe(2);
    abort.abort();
    subscription.unsubscribe();
    expect([streams.running, changes.watched, clock.pending]).toEqual([0, 0, 0]);
  });

  it('ends every stream when the server stops', async () => {
    const { streams, abort, clock } = setUp();
    const { list } = seen(await streams.watch('ord_1', async () => inState(OrderState.PLACED), abort.signal));
    streams.onModuleDestroy();
    expect(list).toEqual(['PLACED', 'end']);
    expect([streams.running, clock.pending]).toEqual([0, 0]);
  });

  it('is bounded', async () => {
    const { streams, abort } = setUp(1);
    const read = async () => inState(OrderState.PLACED);
    await streams.watch('ord_1', read, abort.signal);
    await expect(streams.watch('ord_2', read, abort.signal)).rejects.toMatchObject({
      kind: 'resource_exhausted',
      code: 'TOO_MANY_STREAMS',
    });
  });
});
