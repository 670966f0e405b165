/**
 * One call per key at a time: callers that arrive while a call for their key runs share its outcome, success or failure.
 * (The idea of groupcache's singleflight.)
 */
export class SingleFlight<K, V> {
  private readonly running = new Map<K, Promise<V>>();

  run(key: K, call: () => Promise<V>): Promise<V> {
    const shared = this.running.get(key);
    if (shared) return shared;
    const own = Promise.resolve()
      .then(call)
      .finally(() => this.running.delete(key));
    this.running.set(key, own);
    return own;
  }

  /** How many keys have a call under way. */
  get size(): number {
    return this.running.size;
  }
}
