/**
 * What the cache needs of the store that processes share: bytes by key, with a lifetime. Redis in production.
 *
 * Every method may reject, or take forever: the cache bounds and absorbs both.
 */
export interface CacheStore {
  /** The bytes under `key`, or undefined. */
  get(key: string): Promise<Buffer | undefined>;
  /** Stores whatever was there before. */
  set(key: string, value: Buffer, ttlMs: number): Promise<void>;
  /**
   * Stores only if the key still holds exactly `seen` (undefined: nothing), as one step.
   *
   * @returns whether it was stored
   */
  replace(key: string, seen: Buffer | undefined, value: Buffer, ttlMs: number): Promise<boolean>;
  /** Removes the key, if it is there. */
  delete(key: string): Promise<void>;
}
