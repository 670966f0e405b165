import { type Clock, requirePositiveInteger } from '@flashmesh/core';

/** What the near cache knows of a key: its value, or that there is none. */
export interface NearEntry<V> {
  readonly value: V | undefined;
}

interface Held<V> extends NearEntry<V> {
  readonly expiresAt: number;
}

/**
 * The cache inside the process: at most `maxEntries`, the least recently used goes first. Recency is the order of a Map, into
 * which a read key is put again; both cost tens of nanoseconds. Expired entries go when they are read or pushed out.
 */
export class NearCache<V> {
  private readonly entries = new Map<string, Held<V>>();
  private readonly maxEntries: number;
  private readonly ttlMs: number;
  private readonly clock: Clock;

  constructor(options: { maxEntries: number; ttlMs: number }, clock: Clock) {
    this.maxEntries = requirePositiveInteger('near.maxEntries', options.maxEntries);
    this.ttlMs = requirePositiveInteger('near.ttlMs', options.ttlMs);
    this.clock = clock;
  }

  get(key: string): NearEntry<V> | undefined {
    const held = this.entries.get(key);
    if (!held) return undefined;
    this.entries.delete(key);
    if (held.expiresAt <= this.clock.monotonic()) return undefined;
    this.entries.set(key, held);
    return held;
  }

  /** Keeps a value for its remaining life, at most for the near cache's own. */
  set(key: string, value: V | undefined, remainingMs: number): void {
    this.entries.delete(key);
    if (remainingMs <= 0) return;
    this.entries.set(key, { value, expiresAt: this.clock.monotonic() + Math.min(remainingMs, this.ttlMs) });
    if (this.entries.size <= this.maxEntries) return;
    const oldest = this.entries.keys().next();
    if (!oldest.done) this.entries.delete(oldest.value);
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  clear(): void {
    this.entries.clear();
  }

  get size(): number {
    return this.entries.size;
  }
}
