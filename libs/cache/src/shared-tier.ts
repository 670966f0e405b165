import { type Clock, messageOf, within } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { CacheMetrics } from './cache-metrics.ts';
import type { CacheStore } from './cache-store.ts';
import { decodeEnvelope, encodeEnvelope, encodeTombstone } from './envelope.ts';

/** What a look into the shared store gave. `down`: it did not say, and this load has no business to fill it. */
export type Lookup<V> =
  | { readonly state: 'hit'; readonly value: V | undefined; readonly remainingMs: number }
  | { readonly state: 'miss'; readonly seen: Buffer | undefined }
  | { readonly state: 'down' };

/** How values become text. */
export interface Codec<V> {
  encode(value: V): string;
  decode(text: string): V;
}

/** The longest that anybody waits for the store, in milliseconds. */
const WAIT_MS = 100;
/** After a failure reads leave the store alone for so long: many keys would else wait {@link WAIT_MS} each. */
const REST_MS = 1000;
/** A load that takes longer than this may fill an entry that was invalidated meanwhile. */
const TOMBSTONE_MS = 30_000;

/**
 * The tier that processes share, with its failures absorbed: each call takes {@link WAIT_MS} at most and never rejects.
 *
 * An invalidation does not delete: it leaves a tombstone with an id of its own. A fill stores only if the key still holds what
 * its reader saw when it missed. So a load that began before an invalidation, in any process, cannot put the old value back
 * afterwards, and one that began after it can. (Leases in memcached, Nishtala et al. 2013, without the extra round trip.)
 */
export class SharedTier<V> {
  private readonly store: CacheStore;
  private readonly codec: Codec<V>;
  private readonly prefix: string;
  private readonly clock: Clock;
  private readonly metrics: CacheMetrics;
  private readonly logger: Logger | undefined;
  private restUntil = -Infinity;

  constructor(o: {
    store: CacheStore;
    codec: Codec<V>;
    prefix: string;
    clock: Clock;
    metrics: CacheMetrics;
    logger?: Logger;
  }) {
    this.store = o.store;
    this.codec = o.codec;
    this.prefix = o.prefix;
    this.clock = o.clock;
    this.metrics = o.metrics;
    this.logger = o.logger;
  }

  async lookup(key: string): Promise<Lookup<V>> {
    if (this.clock.monotonic() < this.restUntil) {
      this.metrics.count('redis/skipped');
      return { state: 'down' };
    }
    let seen: Buffer | undefined;
    try {
      seen = await this.bounded(this.store.get(this.prefix + key));
    } catch (error) {
      this.metrics.count('redis/error');
      this.rest(error);
      return { state: 'down' };
    }
    const found = seen && this.read(key, seen);
    if (!found) {
      this.metrics.count('redis/miss');
      return { state: 'miss', seen };
    }
    this.metrics.count(found.value === undefined ? 'redis/negative' : 'redis/hit');
    return { state: 'hit', ...found };
  }

  /** Stores what was loaded, unless the entry changed since `seen` was read. */
  async fill(key: string, seen: Buffer | undefined, value: V | undefined, ttlMs: number): Promise<void> {
    const expiresAt = this.clock.now() + ttlMs;
    try {
      const bytes =
        value === undefined
          ? encodeEnvelope('negative', expiresAt)
          : encodeEnvelope('value', expiresAt, this.codec.encode(value));
      const stored = await this.bounded(this.store.replace(this.prefix + key, seen, bytes, ttlMs));
      this.metrics.count(stored ? 'fill/stored' : 'fill/refused');
    } catch (error) {
      this.metrics.count('fill/error');
      this.rest(error);
    }
  }

  /** Tries even while the store rests: a missed invalidation is worse than 100 ms. */
  async invalidate(key: string): Promise<void> {
    try {
      const tombstone = encodeTombstone(this.clock.now() + TOMBSTONE_MS);
      await this.bounded(this.store.set(this.prefix + key, tombstone, TOMBSTONE_MS));
      this.metrics.count('invalidate/done');
    } catch (error) {
      this.metrics.count('invalidate/error');
      this.rest(error);
      this.logger?.warn(
        { key, reason: messageOf(error) },
        'not invalidated in Redis: stale until it expires',
      );
    }
  }

  private read(key: string, bytes: Buffer): { value: V | undefined; remainingMs: number } | undefined {
    const entry = decodeEnvelope(bytes);
    const remainingMs = entry ? entry.expiresAt - this.clock.now() : 0;
    if (!entry || entry.kind === 'tombstone' || remainingMs <= 0) return undefined;
    if (entry.kind === 'negative') return { value: undefined, remainingMs };
    try {
      return { value: this.codec.decode(entry.payload.toString()), remainingMs };
    } catch (error) {
      // Written by another version of the program: a miss, and this version's fill replaces it.
      this.logger?.warn({ key, reason: messageOf(error) }, 'undecodable cache entry');
      return undefined;
    }
  }

  private bounded<T>(call: Promise<T>): Promise<T> {
    return within(call, WAIT_MS, 'the shared cache', undefined, this.clock);
  }

  private rest(error: unknown): void {
    const now = this.clock.monotonic();
    if (now >= this.restUntil) this.logger?.warn({ reason: messageOf(error) }, 'cache works without Redis');
    this.restUntil = now + REST_MS;
  }
}
