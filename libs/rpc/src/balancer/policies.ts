import type { BalancerConfig, PolicyName } from './balancer-options.ts';
import type { Policy, PolicyFactory } from './policy.ts';
import { leastRequest, peakEwma } from './power-of-two.ts';
import { ringHash } from './ring-hash.ts';
import { roundRobin } from './round-robin.ts';

const FACTORIES: Readonly<Record<PolicyName, PolicyFactory>> = {
  p2c: peakEwma,
  least_request: leastRequest,
  ring_hash: ringHash(peakEwma),
  round_robin: roundRobin,
};

export function createPolicy(config: BalancerConfig, random: () => number): Policy {
  return FACTORIES[config.policy](config, random);
}
