import { requireInRange, requireKnownOptions, requirePositiveInteger, withDefaults } from '@flashmesh/core';

/** How the endpoint of a call is chosen. */
export const POLICIES = ['p2c', 'least_request', 'ring_hash', 'round_robin'] as const;

/** @see BalancingOptions.policy */
export type PolicyName = (typeof POLICIES)[number];

/** How calls are spread over the endpoints of a service. */
export interface BalancingOptions {
  /**
   * `p2c`: of two drawn by weight, the one where a call is likely to end sooner (peak EWMA of the latency, times what waits
   * there). `least_request`: of two, the one with fewer calls under way. `ring_hash`: equal keys go to equal endpoints, as long
   * as those are not overloaded. `round_robin`: in turn, by weight. @default 'p2c'
   */
  readonly policy?: PolicyName;
  /** Time constant with which what was measured loses its weight, in milliseconds. @default 10000 (Finagle, Linkerd) */
  readonly decayMs?: number;
  /**
   * An endpoint that loses every draw is given a call once in so many milliseconds, and in 200 calls; up to 8 such calls are
   * saved up, and come a tenth of that apart. @default 1000 (go-zero)
   */
  readonly forcedPickMs?: number;
  /** An endpoint that joined others reaches its full weight in so many milliseconds; 0 at once. @default 10000 */
  readonly warmUpMs?: number;
  /** Calls under way at one endpoint at most; when all are there, calls fail with `resource_exhausted`. @default 1000 */
  readonly maxInFlight?: number;
  /** `ring_hash`: how far above the average number of calls under way an endpoint may be. @default 1.25 (Mirrokni et al.) */
  readonly boundedLoad?: number;
  /**
   * How much cheaper an endpoint of another zone must be to take a call from the own zone; 1 ignores zones. Calls also leave
   * in proportion when less than 70 % of the own zone is available. @default 3
   */
  readonly zonePreference?: number;
}

/** When an endpoint that fails is left alone, and for how long. */
export interface BreakerOptions {
  /** Failures in a row that eject an endpoint. @default 5 (Envoy) */
  readonly consecutiveFailures?: number;
  /** Tries in a row that timed out, without a byte from the endpoint meanwhile, that eject it. @default 2 */
  readonly silentTimeouts?: number;
  /** Below this share of good answers an endpoint is ejected, if the others are above. @default 0.8 (Linkerd, Finagle) */
  readonly successRate?: number;
  /** Calls within the window below which no rate is looked at. @default 20 */
  readonly minRequests?: number;
  /** The window of the rate, in milliseconds. @default 10000 (Linkerd) */
  readonly windowMs?: number;
  /** How long the first ejection lasts, in milliseconds; every further one twice as long. @default 1000 (Linkerd) */
  readonly ejectionMs?: number;
  /** The longest ejection, in milliseconds. @default 60000 (Linkerd) */
  readonly maxEjectionMs?: number;
  /** Share of the endpoints that may be ejected at a time; one always may, the last available one never. @default 0.5 */
  readonly maxEjectedShare?: number;
  /** Below this share of available endpoints ejections are ignored: better all a little than few to death. @default 0.3 */
  readonly panicShare?: number;
}

/** What a balancer needs to know, complete. */
export interface BalancerConfig extends Required<BalancingOptions> {
  readonly breaker: Required<BreakerOptions>;
}

const BALANCING: Required<BalancingOptions> = {
  policy: 'p2c',
  decayMs: 10_000,
  forcedPickMs: 1000,
  warmUpMs: 10_000,
  maxInFlight: 1000,
  boundedLoad: 1.25,
  zonePreference: 3,
};

const BREAKER: Required<BreakerOptions> = {
  consecutiveFailures: 5,
  silentTimeouts: 2,
  successRate: 0.8,
  minRequests: 20,
  windowMs: 10_000,
  ejectionMs: 1000,
  maxEjectionMs: 60_000,
  maxEjectedShare: 0.5,
  panicShare: 0.3,
};

const MAX_MS = 24 * 60 * 60 * 1000;

/**
 * The options with their defaults, checked.
 *
 * @throws RangeError naming the option and the value; also for an option that does not exist, since a typing error in a JSON
 * would otherwise go unnoticed.
 */
export function balancerConfig(
  balancing: BalancingOptions = {},
  breaker: BreakerOptions = {},
): BalancerConfig {
  requireKnownOptions('balancing', balancing, BALANCING);
  requireKnownOptions('breaker', breaker, BREAKER);
  const config = { ...withDefaults(BALANCING, balancing), breaker: withDefaults(BREAKER, breaker) };
  if (!POLICIES.includes(config.policy)) {
    throw new RangeError(`policy must be one of ${POLICIES.join(', ')}, got ${config.policy as string}`);
  }
  requireInRange('decayMs', config.decayMs, 1, MAX_MS);
  requireInRange('forcedPickMs', config.forcedPickMs, 1, MAX_MS);
  requireInRange('warmUpMs', config.warmUpMs, 0, MAX_MS);
  requirePositiveInteger('maxInFlight', config.maxInFlight);
  requireInRange('boundedLoad', config.boundedLoad, 1, 100);
  requireInRange('zonePreference', config.zonePreference, 1, 1000);
  const { breaker: b } = config;
  requirePositiveInteger('consecutiveFailures', b.consecutiveFailures);
  requirePositiveInteger('silentTimeouts', b.silentTimeouts);
  requireInRange('successRate', b.successRate, 0, 1);
  requirePositiveInteger('minRequests', b.minRequests);
  requireInRange('windowMs', b.windowMs, 100, MAX_MS);
  requireInRange('ejectionMs', b.ejectionMs, 1, MAX_MS);
  requireInRange('maxEjectionMs', b.maxEjectionMs, b.ejectionMs, MAX_MS);
  requireInRange('maxEjectedShare', b.maxEjectedShare, 0, 1);
  requireInRange('panicShare', b.panicShare, 0, 1);
  return config;
}
