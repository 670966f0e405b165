import type { order } from '@flashmesh/contracts';

type Listener = (order: order.Order) => void;

/** Hands the orders that changed to those who watch them, in this process. */
export class OrderChanges {
  private readonly listeners = new Map<string, Set<Listener>>();

  /** Calls `listener` on every change of the order from now on, until the returned function is called. */
  watch(orderId: string, listener: Listener): () => void {
    const listeners = this.listeners.get(orderId) ?? new Set();
    this.listeners.set(orderId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.listeners.get(orderId) === listeners) this.listeners.delete(orderId);
    };
  }

  /** Tells the watchers of the order. */
  publish(order: order.Order): void {
    const listeners = this.listeners.get(order.id);
    if (!listeners) return;
    // A listener that ends its watch leaves the set, which a set's iteration allows.
    for (const listener of listeners) listener(order);
  }

  /** Orders that somebody watches. */
  get watched(): number {
    return this.listeners.size;
  }
}
