import { FlashmeshError } from '@flashmesh/core';
import type { Observable, Subscription } from 'rxjs';

/** An Observable cannot be asked to wait: so many values may wait for a slow caller. */
const MOST_WAITING = 1000;

interface Waiting {
  readonly resolve: (result: IteratorResult<unknown, void>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The values of an Observable, one at a time. When more than a thousand wait, the source is left and the call ends with
 * RESOURCE_EXHAUSTED (`CALLER_TOO_SLOW`): memory is no place to wait in. A source that can wait is an async generator.
 *
 * @internal
 */
export class ObservableValues implements AsyncIterableIterator<unknown, void, void> {
  private readonly values: unknown[] = [];
  private readonly subscription: Subscription;
  private waiting: Waiting | undefined;
  private ended = false;
  private error: unknown;

  constructor(source: Observable<unknown>) {
    this.subscription = source.subscribe({
      next: (value) => this.take(value),
      error: (error: unknown) => this.end(error),
      complete: () => this.end(undefined),
    });
    if (this.ended) this.subscription.unsubscribe();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, void>> {
    if (this.values.length > 0) return Promise.resolve({ done: false, value: this.values.shift() });
    if (this.error !== undefined) return Promise.reject(this.error);
    if (this.ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => (this.waiting = { resolve, reject }));
  }

  return(): Promise<IteratorResult<unknown, void>> {
    this.values.length = 0;
    this.end(undefined);
    return Promise.resolve({ done: true, value: undefined });
  }

  private take(value: unknown): void {
    if (this.ended) return;
    const { waiting } = this;
    if (waiting) {
      this.waiting = undefined;
      waiting.resolve({ done: false, value });
    } else if (this.values.length < MOST_WAITING) this.values.push(value);
    else {
      this.end(
        new FlashmeshError('resource_exhausted', 'CALLER_TOO_SLOW', 'the caller does not read fast enough'),
      );
    }
  }

  private end(error: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    // A source that emits while it is being subscribed to gets here before there is a subscription.
    (this.subscription as Subscription | undefined)?.unsubscribe();
    const { waiting } = this;
    this.waiting = undefined;
    if (error !== undefined) waiting?.reject(error);
    else waiting?.resolve({ done: true, value: undefined });
  }
}
