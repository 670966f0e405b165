import type { Endpoint } from './endpoint.ts';
import type { PickContext } from './pick-context.ts';
import type { PickRequest, Policy, PolicyFactory } from './policy.ts';

/** Costs that differ by less are equal: chasing noise would send everybody to the same endpoint. */
const NOISE = 1.25;
/** Draws by weight that are tried before whatever came last is taken. */
const MAX_DRAWS = 32;

type Cost = (endpoint: Endpoint, context: PickContext) => number;

/**
 * The better of two that are drawn by weight (Mitzenmacher 2001): nearly as even as the best of all, and callers that know the
 * same do not all run to the same endpoint.
 */
class PowerOfTwo implements Policy {
  readonly zonal = true;
  readonly cost: Cost;
  private readonly random: () => number;

  constructor(cost: Cost, random: () => number) {
    this.cost = cost;
    this.random = random;
  }

  choose(candidates: readonly Endpoint[], _request: PickRequest, context: PickContext): Endpoint {
    const first = this.draw(candidates, context, -1);
    if (candidates.length === 1) return candidates[first] as Endpoint;
    const one = candidates[first] as Endpoint;
    const two = candidates[this.draw(candidates, context, first)] as Endpoint;
    const loser = this.cost(one, context) <= this.cost(two, context) * NOISE ? two : one;
    if (!context.forStream && loser.takeLook(context.pick, context.nowMs)) return loser;
    return loser === one ? two : one;
  }

  /** The index of an endpoint other than `except`, drawn by weight without a table: weights change while endpoints warm up. */
  private draw(candidates: readonly Endpoint[], { nowMs, maxWeight }: PickContext, except: number): number {
    const count = except < 0 ? candidates.length : candidates.length - 1;
    let at = 0;
    for (let i = 0; i < MAX_DRAWS; i++) {
      at = Math.floor(this.random() * count);
      if (except >= 0 && at >= except) at++;
      const weight = (candidates[at] as Endpoint).weight(nowMs);
      if (weight >= maxWeight || this.random() * maxWeight < weight) break;
    }
    return at;
  }
}

/** Of two endpoints the one where a call should end sooner. */
export const peakEwma: PolicyFactory = (_config, random) =>
  new PowerOfTwo((endpoint, context) => endpoint.cost(context), random);

/** Of two endpoints the one with fewer calls under way, in relation to their weights and to how often they fail. */
export const leastRequest: PolicyFactory = (_config, random) =>
  new PowerOfTwo((endpoint, context) => endpoint.burden(context), random);
