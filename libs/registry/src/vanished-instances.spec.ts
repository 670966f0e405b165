import { ManualClock, type ServiceInstance } from '@flashmesh/core';
import { VanishedInstances } from './vanished-instances.ts';

const instance = (id: string, more: Partial<ServiceInstance> = {}): ServiceInstance => ({
  id,
  address: `${id}:1`,
  version: '1',
  zone: 'local',
  weight: 1,
  ...more,
});

describe('VanishedInstances', () => {
  const [a, b, c] = [instance('a'), instance('b'), instance('c')];
  let clock: ManualClock;
  let answers: Record<string, 'open' | 'refused' | 'silent'>;
  let probed: string[];
  let now: readonly string[];
  let guard: VanishedInstances;

  beforeEach(() => {
    clock = new ManualClock();
    answers = {};
    probed = [];
    now = [];
    guard = new VanishedInstances({
      clock,
      onChange: (instances) => (now = instances.map(({ id }) => id)),
      probe: (address) => {
        probed.push(address);
        return Promise.resolve(answers[address] ?? 'open');
      },
    });
  });
  afterEach(() => guard.stop());

  /** Naming was out of reach for a while, and is back. */
  const outage = async (ms: number) => {
    guard.namingLost();
    await clock.advance(ms);
    guard.namingBack();
  };

  it('drops at once what vanishes while all is well', async () => {
    guard.update([a, b]);
    guard.update([b]);
    expect(now).toEqual(['b']);
    await clock.advance(5000);
    expect(probed).toEqual([]);
    expect(guard.staleMs).toBe(0);
  });

  it('keeps all while naming is out of reach, and says how old they are', async () => {
    guard.update([a, b]);
    guard.namingLost();
    await clock.advance(45_000);
    expect(now).toEqual(['a', 'b']);
    expect(guard.staleMs).toBe(45_000);
    guard.namingBack();
    expect(guard.staleMs).toBe(0);
  });

  it('probes what is missing after an outage: who answers stays, who is gone goes', async () => {
    guard.update([a, b, c]);
    await outage(20_000);
    answers = { 'b:1': 'refused' };
    guard.update([c]);
    expect(now).toEqual(['c', 'a', 'b']);
    await clock.advance(0);
    expect(now).toEqual(['c', 'a']);
    await clock.advance(3000);
    expect(now).toEqual(['c', 'a']);
    expect(guard.staleMs).toBe(3000);
    guard.update([c, a]);
    expect(now).toEqual(['c', 'a']);
    const before = probed.length;
    await clock.advance(5000);
    expect(probed).toHaveLength(before);
    expect(clock.pending).toBe(0);
  });

  it('believes silence the second time', async () => {
    guard.update([a, b]);
    await outage(1000);
    answers = { 'a:1': 'silent' };
    guard.update([b]);
    await clock.advance(0);
    expect(now).toEqual(['b', 'a']);
    await clock.advance(1000);
    expect(now).toEqual(['b']);
  });

  it('does not wait for ever for who answers and never registers', async () => {
    guard.update([a, b]);
    await outage(1000);
    guard.update([b]);
    await clock.advance(59_000);
    expect(now).toEqual(['b', 'a']);
    await clock.advance(2000);
    expect(now).toEqual(['b']);
  });

  it('does not believe that everybody vanished at once', async () => {
    guard.update([a, b]);
    answers = { 'b:1': 'refused' };
    guard.update([]);
    await clock.advance(0);
    expect(now).toEqual(['a']);
    answers = { 'a:1': 'refused' };
    await clock.advance(1000);
    expect(now).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('lets go who said so', async () => {
    guard.update([instance('a', { state: 'draining' }), instance('d', { weight: 0 })]);
    await outage(1000);
    guard.update([]);
    expect(now).toEqual([]);
    await clock.advance(0);
    expect(probed).toEqual([]);
  });

  it('trusts naming again after a while', async () => {
    guard.update([a, b]);
    await outage(1000);
    await clock.advance(15_000);
    guard.update([b]);
    expect(now).toEqual(['b']);
  });
});
