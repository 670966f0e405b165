import { requireInRange } from '@flashmesh/core';
import type { Operation } from '@flashmesh/zookeeper';
import { ItemQueue } from './item-queue.ts';

/**
 * Items in the order in which they were put, each worked off by one consumer. For few and small things such as the jobs of an
 * administrator: everything is in every server's memory, and each step is a write to the ensemble. For all else use Kafka.
 */
export class Queue extends ItemQueue {
  /**
   * @param also writes that are done with it in one transaction, such as a record of the item.
   * @throws FlashmeshError `resource_exhausted` (`QUEUE_FULL`); TransactionRefused when `also` cannot be done: nothing was put.
   */
  put(data: Uint8Array | string, also: readonly Operation[] = []): Promise<void> {
    return this.add('queue-', data, also);
  }
}

/** A {@link Queue} whose items go by priority, and by age within one. */
export class PriorityQueue extends ItemQueue {
  /** @param priority 0 (first) to 2^32 - 1. @throws RangeError; FlashmeshError `resource_exhausted` (`QUEUE_FULL`). */
  put(data: Uint8Array | string, priority: number): Promise<void> {
    const first = requireInRange('priority', Math.trunc(priority), 0, 0xffffffff);
    return this.add(`queue-${first.toString(16).padStart(8, '0')}-`, data);
  }
}

/** A {@link Queue} whose items are not worked off before their time, by the consumer's clock. */
export class DelayQueue extends ItemQueue {
  /** @param notBefore milliseconds since the epoch. @throws FlashmeshError `resource_exhausted` (`QUEUE_FULL`). */
  put(data: Uint8Array | string, notBefore: number): Promise<void> {
    const at = requireInRange('notBefore', Math.trunc(notBefore), 0, Number.MAX_SAFE_INTEGER);
    return this.add(`queue-|${at.toString(16).padStart(14, '0')}|`, data);
  }

  protected override dueAt(name: string): number {
    return Number.parseInt(name.split('|')[1] ?? '0', 16);
  }
}
