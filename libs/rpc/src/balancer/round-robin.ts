import type { Endpoint } from './endpoint.ts';
import type { PickContext } from './pick-context.ts';
import type { PickRequest, Policy, PolicyFactory } from './policy.ts';

/** In turn, in proportion to the weights, and evenly spread over time: nginx's smooth weighted round robin. */
class RoundRobin implements Policy {
  readonly zonal = true;

  choose(candidates: readonly Endpoint[], _request: PickRequest, { nowMs }: PickContext): Endpoint {
    let total = 0;
    let best: Endpoint | undefined;
    for (const endpoint of candidates) {
      const weight = endpoint.weight(nowMs);
      total += weight;
      endpoint.turn += weight;
      if (!best || endpoint.turn > best.turn) best = endpoint;
    }
    const chosen = best as Endpoint;
    chosen.turn -= total;
    return chosen;
  }
}

/** @see RoundRobin */
export const roundRobin: PolicyFactory = () => new RoundRobin();
