import { ManualClock } from '@flashmesh/core';
import { jest } from '@jest/globals';
import { WaitingRoom } from './waiting-room.ts';

describe('WaitingRoom', () => {
  function setUp(o: { limit: number; maxWaiting: number }) {
    const clock = new ManualClock();
    const limit = { value: o.limit, observe: jest.fn() };
    const options = { limit, maxWaiting: o.maxWaiting, maxWaitMs: 1000, clock };
    const room = new WaitingRoom(options);
    const told: string[] = [];
    const enter = (name: string) =>
      room.enter({ admitted: () => told.push(name), refused: () => told.push(`not ${name}`) });
    return { clock, limit, options, room, told, enter };
  }

  it('admits in order of arrival, refuses beyond the line, and forgets who left it', () => {
    const { room, told, enter } = setUp({ limit: 1, maxWaiting: 2 });
    const first = enter('first');
    const second = enter('second');
    const third = enter('third');
    enter('fourth');
    expect([told, room.running, room.waiting]).toEqual([['first', 'not fourth'], 1, 2]);
    second.leave();
    first.leave();
    expect([told.at(-1), room.running, room.waiting]).toEqual(['third', 1, 0]);
    third.leave();
    expect(room.running).toBe(0);
    enter('fifth');
    expect(told.at(-1)).toBe('fifth');
  });

  it('refuses who has waited too long, and nobody else', async () => {
    const { clock, room, told, enter } = setUp({ limit: 1, maxWaiting: 10 });
    const first = enter('first');
    enter('second');
    await clock.advance(600);
    enter('third');
    await clock.advance(500);
    expect([told, room.waiting]).toEqual([['first', 'not second'], 1]);
    first.leave();
    expect(told.at(-1)).toBe('third');
    await clock.advance(2000);
    expect([told.length, clock.pending]).toEqual([3, 0]);
  });

  it('follows the limit as it falls and rises, and tells it how each request ended', async () => {
    const { clock, limit, room, told, enter } = setUp({ limit: 2, maxWaiting: 10 });
    const first = enter('first');
    const second = enter('second');
    enter('third');
    enter('fourth');
    limit.value = 1;
    await clock.advance(10);
    first.leave(true);
    expect([room.running, limit.observe.mock.calls]).toEqual([1, [[0, 2, true]]]);
    room.pushBack();
    expect(limit.observe.mock.calls.at(-1)).toEqual([10, 1, true]);
    limit.value = 3;
    second.leave();
    expect([told, room.running]).toEqual([['first', 'second', 'third', 'fourth'], 2]);
  });

  it('lets in who may be in, and refuses who waited too long, as soon as that changes', async () => {
    const { clock, limit, options, room, told, enter } = setUp({ limit: 1, maxWaiting: 2 });
    enter('first');
    enter('second');
    await clock.advance(300);
    enter('third');
    enter('fourth');
    options.maxWaiting = 3;
    enter('fifth');
    expect([told, room.waiting]).toEqual([['first', 'not fourth'], 3]);
    limit.value = 2;
    room.adjust();
    expect([told.at(-1), room.waiting]).toEqual(['second', 2]);
    await clock.advance(300);
    enter('sixth');
    options.maxWaitMs = 300;
    room.adjust();
    expect([told.slice(-2), room.waiting]).toEqual([['not third', 'not fifth'], 1]);
    await clock.advance(299);
    expect(room.waiting).toBe(1);
    await clock.advance(1);
    expect([told.at(-1), room.waiting, clock.pending]).toEqual(['not sixth', 0, 0]);
  });

  it('refuses the line and newcomers when it closes, and keeps who is in', () => {
    const { clock, room, told, enter } = setUp({ limit: 1, maxWaiting: 10 });
    const first = enter('first');
    enter('second');
    room.close();
    enter('third');
    expect([told, room.running, room.waiting, clock.pending]).toEqual([
      ['first', 'not second', 'not third'],
      1,
      0,
      0,
    ]);
    first.leave();
    enter('fourth');
    expect(told.at(-1)).toBe('not fourth');
  });

  it('refuses bounds that are none', () => {
    expect(() => setUp({ limit: 1, maxWaiting: 0.5 })).toThrow(RangeError);
  });
});
