import { requireInRange } from '@flashmesh/core';
import type { ZooKeeper } from '@flashmesh/zookeeper';
import { ItemQueue, type QueueOptions } from './item-queue.ts';

/** Works an item off. When it throws, the item is worked on again, here or elsewhere, so it may see one twice. */
export type Work = (data: Buffer, signal: AbortSignal) => Promise<void>;

/**
 * Items in the order in which they were put, each worked off by one consumer. For few and small things such as the jobs of an
 * administrator: everything is in every server's memory, and each step is a write to the ensemble. For all else use Kafka.
 */
export class Queue {
  private readonly items: ItemQueue;

  constructor(zk: ZooKeeper, path: string, o?: QueueOptions) {
    this.items = new ItemQueue(zk, path, () => 0, o);
  }

  /** @throws FlashmeshError `resource_exhausted` (`QUEUE_FULL`). */
  put(data: Uint8Array | string): Promise<string> {
    return this.items.put('queue-', data);
  }

  /** Items that wait or are worked on. */
  size(): Promise<number> {
    return this.items.size();
  }

  /** Works items off, one at a time, until the signal aborts. */
  consume(work: Work, signal: AbortSignal): Promise<void> {
    return this.items.consume(work, signal);
  }
}

/** A {@link Queue} whose items go by priority, and by age within one. */
export class PriorityQueue {
  private readonly items: ItemQueue;

  constructor(zk: ZooKeeper, path: string, o?: QueueOptions) {
    this.items = new ItemQueue(zk, path, () => 0, o);
  }

  /** @param priority 0 (first) to 2^32 - 1. @throws RangeError; FlashmeshError `resource_exhausted` (`QUEUE_FULL`). */
  put(data: Uint8Array | string, priority: number): Promise<string> {
    const first = requireInRange('priority', Math.trunc(priority), 0, 0xffffffff);
    return this.items.put(`queue-${first.toString(16).padStart(8, '0')}-`, data);
  }

  /** Items that wait or are worked on. */
  size(): Promise<number> {
    return this.items.size();
  }

  /** Works items off, one at a time, until the signal aborts. */
  consume(work: Work, signal: AbortSignal): Promise<void> {
    return this.items.consume(work, signal);
  }
}

/** A {@link Queue} whose items are not worked off before their time, by the consumer's clock. */
export class DelayQueue {
  private readonly items: ItemQueue;

  constructor(zk: ZooKeeper, path: string, o?: QueueOptions) {
    this.items = new ItemQueue(zk, path, (name) => Number.parseInt(name.split('|')[1] ?? '0', 16), o);
  }

  /** @param notBefore milliseconds since the epoch. @throws FlashmeshError `resource_exhausted` (`QUEUE_FULL`). */
  put(data: Uint8Array | string, notBefore: number): Promise<string> {
    const at = requireInRange('notBefore', Math.trunc(notBefore), 0, Number.MAX_SAFE_INTEGER);
    return this.items.put(`queue-|${at.toString(16).padStart(14, '0')}|`, data);
  }

  /** Items that wait or are worked on. */
  size(): Promise<number> {
    return this.items.size();
  }

  /** Works items off, one at a time, until the signal aborts. */
  consume(work: Work, signal: AbortSignal): Promise<void> {
    return this.items.consume(work, signal);
  }
}
