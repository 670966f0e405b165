import { type Clock, ManualClock } from '@flashmesh/core';
import { status as Status } from '@grpc/grpc-js';
import type { Priority } from '../guard/rules.ts';
import { LogLines } from '../mesh.fixture.ts';
import { AdmissionControl, type OverloadOptions, type Place } from './admission-control.ts';
import { EventLoop, type LoopReading } from './event-loop.ts';

/** A loop that is as the test says. */
class GivenLoop {
  reading: LoopReading = { delayMs: 0, utilization: 1 };
  touch(): void {}
  read(): LoopReading {
    return this.reading;
  }
}

function control(clock: Clock, options: OverloadOptions = {}, priorities: Record<string, Priority> = {}) {
  const loop = new GivenLoop();
  const { logger } = new LogLines();
  const map = new Map(Object.entries(priorities));
  return { loop, control: new AdmissionControl({ ...options, priorities: map, clock, logger, loop }) };
}

const WARM_UP_MS = 5000;

interface Outcome {
  readonly answeredInTime: number;
  readonly p99: number;
}

/**
 * A server with one processor, in virtual time: a call waits `waitMs` for others and computes `cpuMs`, in order of arrival.
 * Calls arrive at random, `load` times as many as it can serve, and are given up after `patienceMs`, though the server does
 * not know and works for them. The first five seconds do not count.
 */
function simulate(
  admission: boolean,
  load: number,
  o = { waitMs: 20, cpuMs: 4, patienceMs: 300, seconds: 90 },
): Outcome {
  let now = 0;
  const clock = { monotonic: () => now, now: () => now } as Clock;
  const { control: guard, loop } = control(clock);
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  const queue: { ready: number; place: Place | undefined; at: number }[] = [];
  const latencies: number[] = [];
  let busyUntil = 0;
  let nextArrival = 0;
  const end = o.seconds * 1000;
  while (now < end) {
    const head = queue[0];
    const done = head ? Math.max(head.ready, busyUntil) + o.cpuMs : Number.POSITIVE_INFINITY;
    if (head && done <= nextArrival) {
      queue.shift();
      now = busyUntil = done;
      loop.reading = { delayMs: o.cpuMs / 2, utilization: load >= 1 ? 1 : load };
      const took = now - head.at;
      head.place?.leave(took > o.patienceMs ? Status.DEADLINE_EXCEEDED : Status.OK);
      if (now > WARM_UP_MS) latencies.push(took);
      continue;
    }
    now = nextArrival;
    nextArrival += -Math.log(random()) * (o.cpuMs / load);
    const place = admission ? guard.enter('/a/B') : undefined;
    if (!admission || place) queue.push({ ready: now + o.waitMs, place, at: now });
  }
  const inTime = latencies.filter((ms) => ms <= o.patienceMs).toSorted((a, b) => a - b);
  const p99 = inTime[Math.floor(inTime.length * 0.99)] ?? Number.POSITIVE_INFINITY;
  return { answeredInTime: inTime.length / ((end - WARM_UP_MS) / o.cpuMs), p99 };
}

describe('a server at three times its capacity', () => {
  it('answers at least 80 % of what it can, within three times of what calls take without load', () => {
    const unloaded = simulate(true, 0.3);
    const overloaded = simulate(true, 3);
    expect(overloaded.answeredInTime).toBeGreaterThan(0.8);
    expect(overloaded.p99).toBeLessThan(3 * unloaded.p99);
  });

  it('collapses without', () => {
    expect(simulate(false, 3).answeredInTime).toBeLessThan(0.05);
  });

  it('lets everything in below its capacity', () => {
    expect(simulate(true, 0.7).answeredInTime).toBeGreaterThan(0.69);
  });
});

describe('the limit', () => {
  /** So many calls at once, each of which takes so long. */
  const round = async (clock: ManualClock, guard: AdmissionControl, count: number, ms: number) => {
    const places = Array.from({ length: count }, () => guard.enter('/a/B'));
    await clock.advance(ms);
    for (const place of places) place?.leave(Status.OK);
    return places.filter((place) => place !== undefined).length;
  };

  it('falls when calls take longer, and no further than minLimit while the event loop has time', async () => {
    const clock = new ManualClock();
    const { control: guard, loop } = control(clock);
    await round(clock, guard, 150, 100);
    const before = guard.snapshot.limit;
    loop.reading = { delayMs: 0, utilization: 0.3 };
    for (let i = 0; i < 25; i++) await round(clock, guard, 300, 1000);
    expect(guard.snapshot).toMatchObject({ limit: 20, underPressure: true });
    expect(before).toBeGreaterThan(50);
    loop.reading = { delayMs: 0, utilization: 1 };
    for (let i = 0; i < 20; i++) await round(clock, guard, 300, 1000);
    expect(guard.snapshot.limit).toBeLessThan(5);
  });

  it('is no less than minLimit in the window that looks what calls take at best, while the event loop has time', async () => {
    const letIn = async (utilization: number) => {
      const clock = new ManualClock();
      const { control: guard, loop } = control(clock);
      loop.reading = { delayMs: 0, utilization };
      await round(clock, guard, 150, 100);
      await round(clock, guard, 150, 1000);
      return round(clock, guard, 150, 100);
    };
    expect(await letIn(0.3)).toBe(20);
    expect(await letIn(1)).toBeLessThan(15);
  });

  it('comes back to minLimit step by step while the loop has some time, and at once when it has much', async () => {
    const next = async (utilization: number) => {
      const clock = new ManualClock();
      const { control: guard, loop } = control(clock);
      await round(clock, guard, 150, 100);
      for (let i = 0; i < 25; i++) await round(clock, guard, 300, 1000);
      const before = guard.snapshot.limit;
      expect(before).toBeLessThan(12);
      loop.reading = { delayMs: 0, utilization };
      // A decision takes ten calls.
      for (let i = 0; i < 10 && guard.snapshot.limit === before; i++) await round(clock, guard, 300, 1000);
      return [before, guard.snapshot.limit] as const;
    };
    const [low, step] = await next(0.7);
    expect(step).toBe(low + 1);
    const [, all] = await next(0.3);
    expect(all).toBe(20);
  });

  it('is not lowered by noise: a window that says too little counts as one that says too much', async () => {
    const clock = new ManualClock();
    const { control: guard } = control(clock, { minLimit: 1, toleratedMs: 200 });
    await round(clock, guard, 150, 100);
    for (let i = 0; i < 4; i++) await round(clock, guard, 300, 400);
    const before = guard.snapshot.limit;
    for (let i = 0; i < 20; i++) await round(clock, guard, 300, i % 2 === 0 ? 150 : 300);
    expect(guard.snapshot.limit).toBeGreaterThan(before);
  });

  it('falls by the delay of the event loop alone', async () => {
    const clock = new ManualClock();
    const { control: guard, loop } = control(clock);
    for (let i = 0; i < 5; i++) await round(clock, guard, 200, 100);
    const before = guard.snapshot.limit;
    loop.reading = { delayMs: 500, utilization: 1 };
    for (let i = 0; i < 5; i++) await round(clock, guard, 300, 100);
    expect(guard.snapshot.limit).toBeLessThan(before / 2);
  });

  it('does not fall for calls that take what is tolerated, and grows while it is used', async () => {
    const clock = new ManualClock();
    const { control: guard } = control(clock, { toleratedMs: 200 });
    await round(clock, guard, 150, 1);
    for (let i = 0; i < 20; i++) await round(clock, guard, 1000, 190);
    expect(guard.snapshot.limit).toBeGreaterThan(300);
  });

  it('is not moved by a change in the mix of methods', async () => {
    const clock = new ManualClock();
    const { control: guard, loop } = control(clock);
    loop.reading = { delayMs: 0, utilization: 1 };
    const mixed = async (slow: number) => {
      const places = Array.from({ length: 150 }, (_, i) => guard.enter(i < slow ? '/a/Slow' : '/a/Fast'));
      await clock.advance(30);
      for (const place of places.slice(slow)) place?.leave(Status.OK);
      await clock.advance(970);
      for (const place of places.slice(0, slow)) place?.leave(Status.OK);
    };
    await mixed(10);
    await mixed(140);
    await mixed(140);
    expect(guard.snapshot.underPressure).toBe(false);
  });

  it('sheds what can be spared first, and what is critical last', async () => {
    const clock = new ManualClock();
    const { control: guard } = control(clock, {}, { '/a/Spare': 'sheddable', '/a/Vital': 'critical' });
    await round(clock, guard, 200, 100);
    for (let i = 0; i < 3; i++) await round(clock, guard, 300, 1000);
    const { limit } = guard.snapshot;
    const fill = (path: string) => {
      const asked = Array.from({ length: 1000 }, () => guard.enter(path));
      return asked.filter((place) => place !== undefined).length;
    };
    expect(guard.snapshot.underPressure).toBe(true);
    expect(fill('/a/Spare')).toBe(Math.ceil(limit / 2));
    expect(fill('/a/B')).toBe(limit - Math.ceil(limit / 2));
    expect(fill('/a/Vital')).toBe(Math.ceil(limit / 4));
  });

  it('refuses options that are none', () => {
    const clock = new ManualClock();
    for (const options of [{ minLimit: 0 }, { maxLimit: 10 }, { maxLimit: 0.5 }, { toleratedMs: -1 }]) {
      expect(() => control(clock, options)).toThrow(RangeError);
    }
  });
});

describe('EventLoop', () => {
  it('looks only while calls come in, and measures what timers are late by', async () => {
    const clock = new ManualClock();
    let late = 0;
    const lateClock: Clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() + late,
      after: (ms, callback) => clock.after(ms, callback),
    };
    const loop = new EventLoop(lateClock);
    expect(clock.pending).toBe(0);
    loop.touch();
    late = 30;
    await clock.advance(10);
    expect(clock.pending).toBe(0);
    expect(loop.read().delayMs).toBe(30);
    expect(loop.read().delayMs).toBe(0);
  });
});
