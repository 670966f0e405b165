import { AsyncLocalStorage } from 'node:async_hooks';
import {
  abortError,
  type Clock,
  FlashmeshError,
  requireInRange,
  requirePositiveInteger,
  systemClock,
  within,
} from '@flashmesh/core';
import { context, type Logger } from '@flashmesh/telemetry';
import type { Redis } from 'ioredis';
import { CacheMetrics } from './cache-metrics.ts';
import type { CacheStore } from './cache-store.ts';
import { NearCache } from './near-cache.ts';
import { RedisStore } from './redis-store.ts';
import { type Codec, SharedTier } from './shared-tier.ts';

/** Finds the value where it really is; undefined when there is none. Stops when the signal aborts. */
export type Loader<V> = (key: string, signal: AbortSignal) => Promise<V | undefined>;

export interface CacheOptions<V> {
  /** Part of the keys in Redis and of the metrics: one name, one kind of value. */
  readonly name: string;
  /** Absent: no tier is shared between processes. */
  readonly redis?: Redis;
  /** In place of `redis`: for tests. */
  readonly store?: CacheStore;
  /** How long a loaded value is used at most, in milliseconds. */
  readonly ttlMs: number;
  /** Up to this share is taken off each TTL at random, so that entries loaded together do not expire together. @default 0.2 */
  readonly jitter?: number;
  /** How long "there is none" is believed, in milliseconds. @default the TTL, at most 5000 */
  readonly negativeTtlMs?: number;
  /** The tier inside the process, and so how stale a value may be after somebody else's `invalidate`. Absent: none. */
  readonly near?: { readonly maxEntries: number; readonly ttlMs: number };
  /** @default 5000 */
  readonly loadTimeoutMs?: number;
  /** @default JSON */
  readonly encode?: (value: V) => string;
  /** @default JSON */
  readonly decode?: (text: string) => V;
  readonly clock?: Clock;
  /** 0 to 1, as `Math.random`. */
  readonly random?: () => number;
  readonly logger?: Logger;
}

/** A load under way. It stops being valid when its key is invalidated: what it brings is then given out, but not kept. */
interface Flight<V> {
  valid: boolean;
  readonly outcome: Promise<V | undefined>;
}

/**
 * Get-or-load through two tiers: a near cache in the process, then Redis, then the loader.
 *
 * - One load a key at a time in this process; those who ask meanwhile share its outcome, success or failure.
 * - Redis slow or gone: after 100 ms the loader is asked directly, and Redis is left alone for a second.
 * - A value that was being loaded when its key was invalidated is kept in no tier, and a `get` that begins after the
 *   invalidation does not see it. In Redis this holds across processes for loads of up to 30 s (see {@link SharedTier}); the
 *   near caches of other processes learn of it when their own TTL ends.
 * - Values are shared between callers: treat them as read-only.
 */
export class Cache<V> {
  private readonly flights = new Map<string, Flight<V>>();
  private readonly near: NearCache<V> | undefined;
  private readonly shared: SharedTier<V> | undefined;
  private readonly metrics: CacheMetrics;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly ttlMs: number;
  private readonly negativeTtlMs: number;
  private readonly jitter: number;
  private readonly loadTimeoutMs: number;
  private readonly detached = AsyncLocalStorage.snapshot();

  /** @throws RangeError naming a bad option */
  constructor(options: CacheOptions<V>) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.ttlMs = requirePositiveInteger('ttlMs', options.ttlMs);
    this.negativeTtlMs = requirePositiveInteger(
      'negativeTtlMs',
      options.negativeTtlMs ?? Math.min(options.ttlMs, 5000),
    );
    this.jitter = requireInRange('jitter', options.jitter ?? 0.2, 0, 1);
    this.loadTimeoutMs = requirePositiveInteger('loadTimeoutMs', options.loadTimeoutMs ?? 5000);
    this.metrics = new CacheMetrics(options.name);
    this.near = options.near && new NearCache(options.near, this.clock);
    const store = options.store ?? (options.redis && new RedisStore(options.redis));
    this.shared =
      store &&
      new SharedTier({
        store,
        codec: codecOf(options),
        prefix: `cache:${options.name}:`,
        clock: this.clock,
        metrics: this.metrics,
        logger: options.logger,
      });
  }

  /**
   * The value under `key`, loaded when no tier has it; undefined when there is none.
   *
   * @param signal ends this caller's waiting; the load goes on for the others
   * @throws whatever the loader throws; FlashmeshError `deadline_exceeded` when it takes too long; `cancelled` by the signal
   */
  async get(key: string, load: Loader<V>, signal?: AbortSignal): Promise<V | undefined> {
    if (this.near) {
      const entry = this.near.get(key);
      if (entry) {
        this.metrics.count(entry.value === undefined ? 'near/negative' : 'near/hit');
        return entry.value;
      }
      this.metrics.count('near/miss');
    }
    const running = this.flights.get(key);
    if (running) this.metrics.count('load/shared');
    const flight = running ?? this.takeOff(key, load);
    return signal ? await orAborted(flight.outcome, signal) : await flight.outcome;
  }

  /**
   * Makes every `get` that begins after this call resolves load anew. Never rejects: when Redis cannot be reached, the log says
   * so, and other processes may use the old value until its TTL ends.
   */
  async invalidate(key: string): Promise<void> {
    this.forget(key);
    if (!this.shared) return;
    await this.shared.invalidate(key);
    // Somebody may have read the old value from Redis, and kept it, just before the tombstone got there.
    this.forget(key);
  }

  /** Empties the near cache, e.g. when messages that would have invalidated it may have been missed. Redis keeps its entries. */
  clearNear(): void {
    this.near?.clear();
    for (const flight of this.flights.values()) flight.valid = false;
    this.flights.clear();
  }

  private forget(key: string): void {
    this.near?.delete(key);
    const flight = this.flights.get(key);
    if (!flight) return;
    flight.valid = false;
    this.flights.delete(key);
  }

  /**
   * Begins a load. It belongs to everybody who waits for it, so it runs outside the first caller's ambient call: that caller's
   * deadline or cancellation must not fail the others. Only its trace is kept.
   */
  private takeOff(key: string, load: Loader<V>): Flight<V> {
    const trace = context.active();
    const flight: Flight<V> = {
      valid: true,
      outcome: this.detached(() =>
        context.with(trace, () =>
          // Not before the flight is in the map: a loader may ask for its own key, or invalidate it.
          Promise.resolve().then(() => this.fetch(key, load, flight)),
        ),
      ).finally(() => {
        if (this.flights.get(key) === flight) this.flights.delete(key);
      }),
    };
    this.flights.set(key, flight);
    return flight;
  }

  private async fetch(key: string, load: Loader<V>, flight: Flight<V>): Promise<V | undefined> {
    const found = await this.shared?.lookup(key);
    if (found?.state === 'hit') {
      if (flight.valid) this.near?.set(key, found.value, found.remainingMs);
      return found.value;
    }
    const value = await this.load(key, load);
    if (!flight.valid) return value;
    const ttlMs = this.lifetime(value === undefined ? this.negativeTtlMs : this.ttlMs);
    this.near?.set(key, value, ttlMs);
    if (found?.state === 'miss') await this.shared?.fill(key, found.seen, value, ttlMs);
    return value;
  }

  private async load(key: string, load: Loader<V>): Promise<V | undefined> {
    const startedAt = this.clock.monotonic();
    const controller = new AbortController();
    try {
      const call = load(key, controller.signal);
      const value = await within(call, this.loadTimeoutMs, 'loading', undefined, this.clock);
      this.metrics.count(value === undefined ? 'load/absent' : 'load/found');
      return value;
    } catch (error) {
      this.metrics.count('load/error');
      controller.abort(error instanceof FlashmeshError ? error : undefined);
      throw error;
    } finally {
      this.metrics.loadTook(this.clock.monotonic() - startedAt);
    }
  }

  private lifetime(ttlMs: number): number {
    return Math.max(1, Math.round(ttlMs * (1 - this.jitter * this.random())));
  }
}

function codecOf<V>(options: CacheOptions<V>): Codec<V> {
  return {
    encode: options.encode ?? ((value) => JSON.stringify(value)),
    decode: options.decode ?? ((text) => JSON.parse(text) as V),
  };
}

/** The outcome, unless the signal aborts first. Leaves no listener behind. */
function orAborted<T>(outcome: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
