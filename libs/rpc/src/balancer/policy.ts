import type { BalancerConfig } from './balancer-options.ts';
import type { Endpoint } from './endpoint.ts';
import type { PickContext } from './pick-context.ts';

/** What a balancer may know of the attempt that it places. */
export interface PickRequest {
  /** Equal keys go to the same endpoint under `ring_hash`. */
  readonly affinityKey: string | undefined;
  /** Endpoints that the call has tried; avoided while there are others. */
  readonly tried: readonly Endpoint[];
  /** Whether the call may go elsewhere when this attempt fails: such attempts are the ones to test an endpoint with. */
  readonly expendable: boolean;
  /** A stream counts as under way, and as no more than that: what calls wait for does not say how long it will last. */
  readonly stream?: boolean;
}

/** Chooses one of the endpoints. */
export interface Policy {
  /** @param candidates at least one, each with a connection. */
  choose(candidates: readonly Endpoint[], request: PickRequest, context: PickContext): Endpoint;
  /** Less is better; `undefined` where the policy does not compare, so that zones can only be left by their availability. */
  cost?(endpoint: Endpoint, context: PickContext): number;
  /** The list changed. */
  update?(all: readonly Endpoint[]): void;
  /** Whether zones count; they do not where a key decides. */
  readonly zonal: boolean;
}

/** Makes a policy; registered by name. */
export type PolicyFactory = (config: BalancerConfig, random: () => number) => Policy;
