import { type Clock, systemClock } from '@flashmesh/core';
import type { CacheStore } from './cache-store.ts';

/** @internal A {@link CacheStore} in this process: what Redis does, for tests that need no Redis. Same contract suite. */
export class MemoryStore implements CacheStore {
  private readonly entries = new Map<string, { value: Buffer; expiresAt: number }>();
  private readonly clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
  }

  async get(key: string): Promise<Buffer | undefined> {
    return this.live(key);
  }

  async set(key: string, value: Buffer, ttlMs: number): Promise<void> {
    this.entries.set(key, { value: Buffer.from(value), expiresAt: this.clock.monotonic() + ttlMs });
  }

  async replace(key: string, seen: Buffer | undefined, value: Buffer, ttlMs: number): Promise<boolean> {
    const current = this.live(key);
    const same = current && seen ? current.equals(seen) : current === seen;
    if (same) await this.set(key, value, ttlMs);
    return same;
  }

  async delete(key: string): Promise<void> {
    this.entries.delete(key);
  }

  private live(key: string): Buffer | undefined {
    const entry = this.entries.get(key);
    return entry && entry.expiresAt > this.clock.monotonic() ? entry.value : undefined;
  }
}
