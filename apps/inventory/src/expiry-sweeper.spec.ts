import { ManualClock, unavailable } from '@flashmesh/core';
import { ExpirySweeper } from './expiry-sweeper.ts';
import type { OverdueOrder } from './store/stock-store.ts';

function setUp(overdue: (partition: number) => OverdueOrder[]) {
  const clock = new ManualClock();
  const sent: [string, number][] = [];
  const troubles: unknown[] = [];
  let refuse: Error | undefined;
  const sweeper = new ExpirySweeper({
    clock,
    store: { partitions: 3, overdue: (partition) => Promise.resolve().then(() => overdue(partition)) },
    send: ({ orderId }, time) => {
      if (refuse) return Promise.reject(refuse);
      sent.push([orderId, time]);
      return Promise.resolve();
    },
    onTrouble: (error) => troubles.push(error),
  });
  const fail = (error: Error | undefined) => {
    refuse = error;
  };
  return { clock, sent, troubles, sweeper, fail };
}

const live = new AbortController().signal;

describe('ExpirySweeper', () => {
  it('sends one command for each unpaid order of every partition, stamped with the moment of the look', async () => {
    const { sweeper, sent, clock } = setUp((partition) => [{ orderId: `ord_${partition}`, sku: 'phone' }]);
    await sweeper.sweep(live);
    expect(sent).toEqual([0, 1, 2].map((partition) => [`ord_${partition}`, clock.now()]));
  });

  it('waits for the effect of a command before it sends it again', async () => {
    const { sweeper, sent, clock } = setUp((partition) =>
      partition ? [] : [{ orderId: 'a', sku: 'phone' }],
    );
    await sweeper.sweep(live);
    await clock.advance(14_999);
    await sweeper.sweep(live);
    expect(sent).toHaveLength(1);
    await clock.advance(1);
    await sweeper.sweep(live);
    expect(sent).toHaveLength(2);
  });

  it('goes on with the other partitions when one is being rebuilt', async () => {
    const { sweeper, sent, troubles } = setUp((partition) => {
      if (partition === 1) throw unavailable('REBUILDING', 'later');
      return [{ orderId: `ord_${partition}`, sku: 'phone' }];
    });
    await sweeper.sweep(live);
    expect(sent.map(([orderId]) => orderId)).toEqual(['ord_0', 'ord_2']);
    expect(troubles).toMatchObject([{ code: 'REBUILDING' }]);
  });

  it('tries a command that could not be sent again in the next round', async () => {
    const { sweeper, sent, fail, troubles } = setUp((partition) =>
      partition ? [] : [{ orderId: 'a', sku: 'x' }],
    );
    fail(unavailable('LOG_UNAVAILABLE', 'no broker'));
    await sweeper.sweep(live);
    fail(undefined);
    await sweeper.sweep(live);
    expect([sent.length, troubles.length]).toEqual([1, 1]);
  });

  it('stops at once when the leadership is lost, also in the middle of a look', async () => {
    const lost = new AbortController();
    const { sweeper, sent } = setUp((partition) => {
      if (partition === 1) lost.abort();
      return [{ orderId: `ord_${partition}`, sku: 'phone' }];
    });
    await sweeper.sweep(lost.signal);
    expect(sent.map(([orderId]) => orderId)).toEqual(['ord_0']);
  });
});
