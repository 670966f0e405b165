import { balancerConfig, type BalancingOptions } from './balancer-options.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { LookBudget } from './look-budget.ts';
import { FailureShare, PeakEwma } from './peak-ewma.ts';
import { SlidingCounts } from './sliding-counts.ts';

describe('PeakEwma', () => {
  it('believes bad news at once, good news slowly, and forgets', () => {
    const ewma = new PeakEwma(10_000);
    expect(ewma.measured).toBe(false);
    ewma.observe(10, 0);
    ewma.observe(200, 1000);
    expect(ewma.value(1000)).toBe(200);
    ewma.observe(10, 1050);
    expect(ewma.value(1050)).toBeGreaterThan(190);
    expect(ewma.value(11_050)).toBeCloseTo(ewma.value(1050) / Math.E);
  });

  it('lets good news prevail when they are many, or all that is heard', () => {
    const busy = new PeakEwma(10_000);
    busy.observe(200, 0);
    for (let ms = 1; ms <= 300; ms++) busy.observe(10, ms);
    expect(busy.value(300)).toBeLessThan(20);
    const quiet = new PeakEwma(10_000);
    quiet.observe(200, 0);
    for (let ms = 150; ms <= 450; ms += 150) quiet.observe(10, ms);
    expect(quiet.value(450)).toBeLessThan(20);
  });

  it('takes a lower bound only when it says something new', () => {
    const ewma = new PeakEwma(10_000);
    ewma.observe(50, 0);
    ewma.observeAtLeast(20, 0);
    expect(ewma.value(0)).toBe(50);
    ewma.observeAtLeast(80, 0);
    expect(ewma.value(0)).toBe(80);
  });
});

describe('LookBudget', () => {
  it('has a look for every second and 200 calls, and saves up eight', () => {
    const looks = new LookBudget(1000);
    const takeAll = (pick: number, nowMs: number): number =>
      looks.take(pick, nowMs) ? 1 + takeAll(pick, nowMs) : 0;
    expect(takeAll(1000, 60_000)).toBe(8);
    expect(takeAll(1199, 70_000)).toBe(0);
    expect(takeAll(1200, 70_000)).toBe(1);
    expect(takeAll(5000, 70_900)).toBe(7);
    expect(takeAll(5000, 70_999)).toBe(0);
    expect(takeAll(5000, 71_000)).toBe(1);
    expect(takeAll(9000, 170_000)).toBe(8);
  });
});

describe('FailureShare', () => {
  it('follows the share of failures, and one failure is not everything', () => {
    const share = new FailureShare(1000);
    share.observe(true, 60_000);
    expect(share.value(60_000)).toBeLessThanOrEqual(0.2);
    for (let ms = 0; ms < 10_000; ms += 10) share.observe(ms % 20 === 0, 60_000 + ms);
    expect(share.value(70_000)).toBeGreaterThan(0.4);
    expect(share.value(70_000)).toBeLessThan(0.6);
    expect(share.value(80_000)).toBeLessThan(0.01);
  });

  it('follows it however many calls there are', () => {
    const share = new FailureShare(10_000);
    for (let i = 1; i <= 10_000; i++) share.observe(i % 100 === 0, i);
    expect(share.value(10_050)).toBeLessThan(0.03);
    for (let i = 1; i <= 1000; i++) share.observe(i % 2 === 0, 10_000 + i / 100);
    expect(share.value(10_010)).toBeGreaterThan(0.45);
  });
});

describe('SlidingCounts', () => {
  it('counts what lies within the window', () => {
    const counts = new SlidingCounts(10_000);
    for (let ms = 0; ms < 20_000; ms += 100) counts.add(1, 2, ms);
    expect(counts.firstTotal(19_900)).toBe(100);
    expect(counts.secondTotal(19_900)).toBe(200);
    expect(counts.firstTotal(24_999)).toBe(50);
    expect(counts.firstTotal(40_000)).toBe(0);
  });
});

describe('LatencyHistogram', () => {
  it('knows quantiles to a fifth, of the last two windows', () => {
    const histogram = new LatencyHistogram(1000);
    expect(histogram.quantile(0.5, 0)).toBeUndefined();
    for (let i = 1; i <= 1000; i++) histogram.record(i, 0);
    for (const share of [0.01, 0.5, 0.95, 0.99]) {
      const exact = share * 1000;
      expect(histogram.quantile(share, 0)).toBeGreaterThanOrEqual(exact * 0.999);
      expect(histogram.quantile(share, 0)).toBeLessThanOrEqual(exact * 1.21);
    }
    expect(histogram.count(1500)).toBe(1000);
    histogram.record(5, 2600);
    expect(histogram.count(2600)).toBe(1);
  });
});

describe('balancerConfig', () => {
  it.each<[BalancingOptions, string]>([
    [
      { policy: 'random' as 'p2c' },
      'policy must be one of p2c, least_request, ring_hash, round_robin, got random',
    ],
    [{ decayMs: 0 }, 'decayMs must be between'],
    [{ maxInFlight: 1.5 }, 'maxInFlight must be a positive integer, got 1.5'],
    [{ boundedLoad: 0.9 }, 'boundedLoad must be between'],
    [{ warmupMs: 1 } as BalancingOptions, 'balancing has no option warmupMs'],
  ])('refuses %j', (options, message) => {
    expect(() => balancerConfig(options)).toThrow(message);
  });

  it('refuses a breaker whose longest ejection is shorter than its first', () => {
    expect(() => balancerConfig({}, { ejectionMs: 5000, maxEjectionMs: 1000 })).toThrow('maxEjectionMs');
  });
});
