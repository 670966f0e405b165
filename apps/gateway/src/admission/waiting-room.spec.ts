import { WaitingRoom } from './waiting-room.ts';

describe('WaitingRoom', () => {
  it('admits in order of arrival, refuses beyond the line, and forgets who left it', () => {
    const room = new WaitingRoom({ maxActive: 1, maxWaiting: 2 });
    const admitted: string[] = [];
    const enter = (name: string) => room.enter(() => admitted.push(name));
    const first = enter('first');
    const second = enter('second');
    const third = enter('third');
    expect([enter('fourth'), admitted, room.running, room.waiting]).toEqual([undefined, ['first'], 1, 2]);
    second?.leave();
    first?.leave();
    expect([admitted, room.running, room.waiting]).toEqual([['first', 'third'], 1, 0]);
    third?.leave();
    expect(room.running).toBe(0);
    enter('fifth');
    expect(admitted).toEqual(['first', 'third', 'fifth']);
  });

  it('refuses limits that are none', () => {
    expect(() => new WaitingRoom({ maxActive: 0, maxWaiting: 1 })).toThrow(RangeError);
    expect(() => new WaitingRoom({ maxActive: 1, maxWaiting: 0.5 })).toThrow(RangeError);
  });
});
