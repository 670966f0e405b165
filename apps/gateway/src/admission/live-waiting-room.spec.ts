import { ManualClock } from '@flashmesh/core';
import type { GatewaySettings } from '../env.ts';
import { liveWaitingRoom } from './live-waiting-room.ts';

describe('liveWaitingRoom', () => {
  it('has the bounds of the settings, at once when they change', () => {
    const listeners: ((values: GatewaySettings) => void)[] = [];
    const settings = {
      current: {
        maxInFlight: 1,
        targetMs: 1000,
        maxWaiting: 3,
        maxWaitMs: 1000,
        patienceMs: 1,
        maxStreams: 1,
      },
      onChange: (listener: (values: GatewaySettings) => void) => {
        listeners.push(listener);
        return () => undefined;
      },
    };
    const change = (values: Partial<GatewaySettings>) => {
      settings.current = { ...settings.current, ...values };
      for (const listener of listeners) listener(settings.current);
    };
    const room = liveWaitingRoom(settings, new ManualClock());
    const told: string[] = [];
    const enter = (name: string) =>
      room.enter({ admitted: () => told.push(name), refused: () => told.push(`not ${name}`) });
    for (const name of ['a', 'b', 'c', 'd', 'e']) enter(name);
    expect(told).toEqual(['a', 'not e']);
    change({ maxInFlight: 3 });
    expect([told.slice(2), room.running, room.waiting]).toEqual([['b', 'c'], 3, 1]);
    change({ maxWaiting: 1 });
    enter('f');
    expect(told.at(-1)).toBe('not f');
  });
});
