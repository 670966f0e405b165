import { order } from '@flashmesh/contracts';
import { type Clock, FlashmeshError, messageOf, requirePositiveInteger, type Timer } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { MessageEvent, OnModuleDestroy } from '@nestjs/common';
import { Observable } from 'rxjs';
import { viewOrder } from '../rest/views.ts';
import type { OrderChanges } from './order-changes.ts';

/** How often a comment keeps proxies from closing a quiet stream, in milliseconds. */
export const HEARTBEAT_MS = 15_000;

/** How far an order is: its state only ever moves up. */
const RANK: Partial<Record<order.OrderState, number>> = {
  [order.OrderState.PLACED]: 1,
  [order.OrderState.PAYING]: 2,
  [order.OrderState.COMMITTING]: 3,
  [order.OrderState.REFUNDING]: 4,
  [order.OrderState.CONFIRMED]: 5,
  [order.OrderState.REJECTED]: 5,
  [order.OrderState.CANCELLED]: 5,
};
const TERMINAL = 5;

/** Reads the order as it stands; throws what the caller shall see. */
type ReadOrder = () => Promise<order.Order>;

/** Opens streams of one order's states, at most so many at once. */
export class OrderStreams implements OnModuleDestroy {
  private readonly open = new Set<OrderStream>();
  private readonly changes: OrderChanges;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly options: { readonly limit: number };

  /** @throws RangeError when `limit`, which may change later, is not a positive integer. */
  constructor(options: { changes: OrderChanges; clock: Clock; logger: Logger; limit: number }) {
    this.changes = options.changes;
    this.clock = options.clock;
    this.logger = options.logger;
    requirePositiveInteger('limit', options.limit);
    this.options = options;
  }

  /** Streams that are open. */
  get running(): number {
    return this.open.size;
  }

  /**
   * The states of an order: the one it is in, then each change, completing after a terminal one. The watch begins before the
   * state is read, so no change falls in between; a state that comes twice or late is left out. `signal` ends the stream.
   *
   * @throws FlashmeshError `resource_exhausted` (`TOO_MANY_STREAMS`), or what `read` throws.
   */
  async watch(orderId: string, read: ReadOrder, signal: AbortSignal): Promise<Observable<MessageEvent>> {
    if (this.open.size >= this.options.limit) {
      throw new FlashmeshError('resource_exhausted', 'TOO_MANY_STREAMS', 'too many streams are open', {
        retryAfterMs: 5000,
      });
    }
    const stream = new OrderStream(read, this.clock, this.logger);
    this.open.add(stream);
    const unwatch = this.changes.watch(orderId, (changed) => stream.offer(changed));
    stream.onClose(() => {
      this.open.delete(stream);
      unwatch();
    });
    if (signal.aborted) stream.close();
    else signal.addEventListener('abort', () => stream.close(), { once: true });
    try {
      stream.offer(await read());
    } catch (error) {
      stream.close();
      throw error;
    }
    return stream.messages;
  }

  /** Ends every stream as the server stops: clients see a clean end and come back to another instance. */
  onModuleDestroy(): void {
    for (const stream of this.open) stream.close();
  }
}

/** One stream. States wait in it until somebody subscribes; there are at most as many as there are ranks. */
class OrderStream {
  private rank = 0;
  private closed = false;
  private timer: Timer | undefined;
  private waiting: MessageEvent[] = [];
  private send: ((message: MessageEvent) => void) | undefined;
  private complete: (() => void) | undefined;
  private cleanup: (() => void) | undefined;
  private readonly read: ReadOrder;
  private readonly clock: Clock;
  private readonly logger: Logger;

  constructor(read: ReadOrder, clock: Clock, logger: Logger) {
    this.read = read;
    this.clock = clock;
    this.logger = logger;
    this.scheduleHeartbeat();
  }

  /** What the client gets; ending the subscription closes the stream. */
  readonly messages = new Observable<MessageEvent>((subscriber) => {
    this.send = (message) => subscriber.next(message);
    this.complete = () => subscriber.complete();
    for (const message of this.waiting) subscriber.next(message);
    this.waiting = [];
    if (this.closed) subscriber.complete();
    return () => this.close();
  });

  onClose(cleanup: () => void): void {
    this.cleanup = cleanup;
  }

  /** Passes the order on, unless the client has seen this state or a later one. */
  offer(changed: order.Order): void {
    const rank = RANK[changed.state] ?? 0;
    if (this.closed || rank <= this.rank) return;
    this.rank = rank;
    this.emit({ type: 'order', data: viewOrder(changed) });
    if (rank === TERMINAL) this.close();
  }

  /** Ends the stream and gives back what it holds. Closing twice does nothing. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    this.cleanup?.();
    this.complete?.();
  }

  private emit(message: MessageEvent): void {
    if (this.send) this.send(message);
    else this.waiting.push(message);
  }

  private scheduleHeartbeat(): void {
    this.timer = this.clock.after(HEARTBEAT_MS, () => {
      this.emit({ comment: 'heartbeat' });
      this.scheduleHeartbeat();
      void this.refresh();
    });
  }

  /** Looks again: a change that this instance's consumer missed, e.g. while it reconnected, shows up with a heartbeat. */
  private async refresh(): Promise<void> {
    try {
      this.offer(await this.read());
    } catch (error) {
      this.logger.debug(
        { error: messageOf(error) },
        'order not readable, the stream waits for the next heartbeat',
      );
    }
  }
}
