import { ManualClock } from '@flashmesh/core';
import { balancerConfig, type BalancingOptions, type BreakerOptions } from './balancer-options.ts';
import type { Outcome } from './breaker.ts';
import type { Endpoint, EndpointInfo } from './endpoint.ts';
import { EndpointSet } from './endpoint-set.ts';
import type { PickRequest } from './policy.ts';

/** The same numbers in every run (mulberry32). */
export function seededRandom(seed = 1): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function info(key: string, more: Partial<EndpointInfo> = {}): EndpointInfo {
  return { key, address: key, id: key, zone: '', weight: 1, draining: false, ...more };
}

/** A call that may be repeated and has not been tried anywhere. */
export const REQUEST: PickRequest = { affinityKey: undefined, tried: [], expendable: true };

export interface TestSetOptions {
  readonly balancing?: BalancingOptions;
  readonly breaker?: BreakerOptions;
  readonly zone?: string;
  readonly clock?: ManualClock;
}

/** Endpoints with connections, on a clock that the test drives. */
export class TestSet {
  readonly clock: ManualClock;
  readonly set: EndpointSet;

  constructor(infos: readonly EndpointInfo[], { balancing, breaker, zone, clock }: TestSetOptions = {}) {
    this.clock = clock ?? new ManualClock();
    this.set = new EndpointSet(balancerConfig(balancing, breaker), {
      clock: this.clock,
      random: seededRandom(),
      zone,
    });
    this.update(infos);
  }

  update(infos: readonly EndpointInfo[]): void {
    this.set.update(infos);
    for (const endpoint of this.set.endpoints) this.set.setReady(endpoint, true);
  }

  get(key: string): Endpoint {
    const endpoint = this.set.get(key);
    if (!endpoint) throw new Error(`no endpoint ${key}`);
    return endpoint;
  }

  /** An attempt at an endpoint, which takes no time; the probe, if one was picked with {@link REQUEST}. */
  attempt(key: string, outcome: Outcome, times = 1): void {
    for (let i = 0; i < times; i++) {
      const endpoint = this.get(key);
      this.set.ended(endpoint, this.set.started(endpoint, REQUEST), outcome);
    }
  }

  /** How often each endpoint is chosen for calls that end at once. */
  count(calls: number, request: Partial<PickRequest> = {}): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < calls; i++) {
      const endpoint = this.set.pick({ ...REQUEST, ...request });
      const key = endpoint?.info.key ?? 'none';
      counts[key] = (counts[key] ?? 0) + 1;
    }
    return counts;
  }
}
