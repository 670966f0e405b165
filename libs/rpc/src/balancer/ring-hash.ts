import { murmur2 } from '@flashmesh/core';
import type { Endpoint } from './endpoint.ts';
import type { PickContext } from './pick-context.ts';
import type { PickRequest, Policy, PolicyFactory } from './policy.ts';

/** Points on the ring of an endpoint of average weight (Dubbo's number of virtual nodes). */
const POINTS = 160;
const MAX_POINTS_EACH = 1600;
/** Failing no more often than this moves no key: a single failure never is more. */
const FORGIVEN = 0.2;

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016): a key goes to the first endpoint clockwise that
 * is available and has less than `bound` times the average number of calls under way, by weight. When endpoints come or go, few
 * keys move; one that warms up gets its keys one after the other, each once.
 * An endpoint that fails is passed over in proportion, so that a refusal is not all that its keys ever get; where all would be
 * passed over, keys stay. Calls without a key go by `fallback`.
 */
class RingHash implements Policy {
  readonly zonal = false;
  private readonly bound: number;
  private readonly fallback: Policy;
  private readonly random: () => number;
  private hashes = new Uint32Array(0);
  private owners: Endpoint[] = [];

  constructor(bound: number, fallback: Policy, random: () => number) {
    this.bound = bound;
    this.fallback = fallback;
    this.random = random;
  }

  update(all: readonly Endpoint[]): void {
    const mean = all.reduce((sum, { info }) => sum + info.weight, 0) / Math.max(all.length, 1);
    const points: { hash: number; endpoint: Endpoint }[] = [];
    for (const endpoint of all) {
      const count = Math.min(
        Math.max(Math.round((POINTS * endpoint.info.weight) / mean), 1),
        MAX_POINTS_EACH,
      );
      for (let i = 0; i < count; i++) {
        points.push({ hash: murmur2(Buffer.from(`${endpoint.info.key}#${i}`)), endpoint });
      }
    }
    points.sort((a, b) => a.hash - b.hash || (a.endpoint.info.key < b.endpoint.info.key ? -1 : 1));
    this.hashes = Uint32Array.from(points, ({ hash }) => hash);
    this.owners = points.map(({ endpoint }) => endpoint);
  }

  choose(candidates: readonly Endpoint[], request: PickRequest, context: PickContext): Endpoint {
    const { affinityKey } = request;
    if (affinityKey === undefined) return this.fallback.choose(candidates, request, context);
    const { nowMs, forStream } = context;
    let inFlight = 1;
    let shares = 0;
    for (const endpoint of candidates) {
      inFlight += endpoint.load(forStream);
      shares += endpoint.weight(nowMs) * kept(endpoint, nowMs);
    }
    const room = (this.bound * inFlight) / shares;
    // One draw for the whole walk: an endpoint has many points on the ring, and is passed over at all of them.
    const drawn = this.random();
    const hash = murmur2(Buffer.from(affinityKey));
    // Where a key lies also says how warm an endpoint must be to get it.
    const cold = hash / 2 ** 32;
    let at = this.search(hash);
    let first: Endpoint | undefined;
    let spare: Endpoint | undefined;
    for (let steps = 0; steps < this.owners.length; steps++) {
      const endpoint = this.owners[at] as Endpoint;
      if (candidates.includes(endpoint)) {
        first ??= endpoint;
        const share = kept(endpoint, nowMs);
        const weight = endpoint.weight(nowMs);
        if (endpoint.load(forStream) < room * weight * share) {
          if (drawn < share && cold < weight / endpoint.info.weight) return endpoint;
          spare ??= endpoint;
        }
      }
      at = at + 1 === this.owners.length ? 0 : at + 1;
    }
    return spare ?? first ?? this.fallback.choose(candidates, request, context);
  }

  /** The first point at or after the hash. */
  private search(hash: number): number {
    let low = 0;
    let high = this.hashes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.hashes[middle] as number) < hash) low = middle + 1;
      else high = middle;
    }
    return low === this.hashes.length ? 0 : low;
  }
}

/** The share of its keys, and of the load that it may have, that an endpoint which fails is left with. */
function kept(endpoint: Endpoint, nowMs: number): number {
  const failing = endpoint.failing(nowMs);
  return failing <= FORGIVEN ? 1 : (1 - failing) / (1 - FORGIVEN);
}

/** @see RingHash */
export const ringHash =
  (fallback: PolicyFactory): PolicyFactory =>
  (config, random) =>
    new RingHash(config.boundedLoad, fallback(config, random), random);
