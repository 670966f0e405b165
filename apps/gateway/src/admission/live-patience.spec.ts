import { FlashmeshError, ManualClock } from '@flashmesh/core';
import { livePatience } from './live-patience.ts';

describe('livePatience', () => {
  it('lets fewer in when those who are in are turned away, for as long as the settings say', async () => {
    const clock = new ManualClock();
    const current = {
      maxInFlight: 1,
      targetMs: 1000,
      maxWaiting: 3,
      maxWaitMs: 1000,
      patienceMs: 2000,
      maxStreams: 1,
    };
    const settings = { current };
    let pushedBack = 0;
    const patience = livePatience(settings, { pushBack: () => pushedBack++ }, clock);
    const overloaded = new FlashmeshError('resource_exhausted', 'OVERLOADED', 'too busy');
    const asked = async () => {
      pushedBack = 0;
      const end = patience.run(() => Promise.reject(overloaded)).catch((error: unknown) => error);
      for (let i = 0; i < 100; i++) await clock.advance(50);
      expect(await end).toBe(overloaded);
      return pushedBack;
    };
    expect(await asked()).toBeGreaterThan(2);
    settings.current = { ...current, patienceMs: 1 };
    expect(await asked()).toBe(1);
  });
});
