import { ManualClock } from '@flashmesh/core';
import { Sessions } from './sessions.ts';

describe('Sessions', () => {
  const counting = () => {
    const client = {
      opened: 0,
      openSession: async () => ({ buyerId: `b${++client.opened}`, token: 't' }),
    };
    return client;
  };

  it('logs in some ahead, and one more whenever one comes', async () => {
    const client = counting();
    const sessions = new Sessions({ client, buyers: 5, ahead: 3 });
    expect(await sessions.ready()).toBe(3);
    expect(client.opened).toBe(3);
    const came: string[] = [];
    for (let i = 0; i < 5; i++) {
      came.push((await sessions.take()).buyerId);
      expect(client.opened).toBe(Math.min(3 + came.length, 5));
    }
    expect(came).toEqual(['b1', 'b2', 'b3', 'b4', 'b5']);
    expect(() => sessions.take()).toThrow('there are 5 buyers, and all have come');
  });

  it('logs in no more than come', async () => {
    const client = counting();
    expect(await new Sessions({ client, buyers: 2, ahead: 3 }).ready()).toBe(2);
    expect(client.opened).toBe(2);
  });

  it('asks again for a session, and tells whose turn it is when there is none', async () => {
    const clock = new ManualClock();
    const failing = new Error('down');
    let asked = 0;
    const openSession = async () => {
      if (asked++ !== 9) throw failing;
      return { buyerId: 'b', token: 't' };
    };
    const sessions = new Sessions({ client: { openSession }, buyers: 2, ahead: 1, clock });
    const ready = sessions.ready();
    for (let i = 0; i < 20; i++) await clock.advance(500);
    expect(await ready).toBe(1);
    expect(await sessions.take()).toEqual({ buyerId: 'b', token: 't' });
    const second = sessions.take();
    for (let i = 0; i < 20; i++) await clock.advance(500);
    await expect(second).rejects.toBe(failing);
    expect(asked).toBe(20);
  });

  it('ends with the reason when it is told to', async () => {
    const end = new AbortController();
    const reason = new Error('enough');
    const openSession = async () => {
      end.abort(reason);
      return { buyerId: 'b', token: 't' };
    };
    const sessions = new Sessions({ client: { openSession }, buyers: 1000 });
    await expect(sessions.ready(end.signal)).rejects.toBe(reason);
  });
});
