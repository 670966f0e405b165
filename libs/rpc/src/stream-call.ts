import { abortError, FlashmeshError, systemClock } from '@flashmesh/core';
import { type InterceptingListener, Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import { currentCall } from './call-context.ts';
import type { MeshChannel } from './mesh-channel.ts';
import { ObservedCall, TRACEPARENT_HEADER } from './observed-call.ts';
import { repetition, RETRY_HEADER } from './retry/retry-decision.ts';
import { toBuffer } from './service-definition.ts';
import { errorFromStatus } from './status.ts';
import { StreamAttempt } from './stream-attempt.ts';
import type { CalledMethod, MeshCallOptions } from './unary-call.ts';

interface Waiting {
  readonly resolve: (result: IteratorResult<unknown, void>) => void;
  readonly reject: (error: FlashmeshError) => void;
}

/**
 * A call that streams on either side or on both. A response is read off the wire when it is asked for, and a request is asked for
 * when the last one has been written: neither side can be faster than the other. Leaving the iteration cancels the call.
 *
 * It inherits deadline and cancellation of the call that is being served, as unary calls do; without, and without `deadlineMs`,
 * it may last for ever.
 *
 * @internal
 */
export class StreamCall implements InterceptingListener, AsyncIterableIterator<unknown, void, void> {
  private readonly method: CalledMethod;
  private readonly observed: ObservedCall;
  private readonly signals: readonly AbortSignal[];
  private readonly attempt: StreamAttempt;
  private call: ReturnType<MeshChannel['createCall']> | undefined;
  private waiting: Waiting | undefined;
  private outcome: 'open' | 'done' | FlashmeshError = 'open';

  constructor(
    channel: MeshChannel,
    method: CalledMethod,
    requests: AsyncIterable<unknown>,
    options: MeshCallOptions = {},
  ) {
    this.method = method;
    this.observed = ObservedCall.client(method.observed);
    this.attempt = new StreamAttempt(options.affinityKey);
    const serving = currentCall();
    this.signals = [serving?.signal, options.signal].filter((signal) => signal !== undefined);
    try {
      const aborted = this.signals.find((signal) => signal.aborted);
      if (aborted) throw abortError(aborted);
      const own = options.deadlineMs === undefined ? Infinity : systemClock.now() + options.deadlineMs;
      this.call = channel.createCall(method.path, Math.min(own, serving?.deadline ?? Infinity));
      for (const signal of this.signals) signal.addEventListener('abort', this);
      this.call.start(this.headers(options.metadata), this);
      void this.send(this.call, requests);
    } catch (error) {
      this.end(this.asError(error));
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, void>> {
    if (this.outcome === 'done') return Promise.resolve({ done: true, value: undefined });
    if (this.outcome !== 'open') return Promise.reject(this.outcome);
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.call?.startRead();
    });
  }

  return(): Promise<IteratorResult<unknown, void>> {
    this.cancel('done');
    return Promise.resolve({ done: true, value: undefined });
  }

  handleEvent(event: Event): void {
    this.cancel(abortError(event.target as AbortSignal));
  }

  onReceiveMetadata(): void {}

  onReceiveMessage(message: Uint8Array): void {
    try {
      const value = this.method.method.responseType.decode(message);
      const { waiting } = this;
      this.waiting = undefined;
      waiting?.resolve({ done: false, value });
    } catch (error) {
      this.cancel(this.asError(error));
    }
  }

  onReceiveStatus(status: StatusObject): void {
    this.end(status.code === Status.OK ? 'done' : errorFromStatus(status, this.method.service));
  }

  private async send(
    call: ReturnType<MeshChannel['createCall']>,
    requests: AsyncIterable<unknown>,
  ): Promise<void> {
    const { requestType } = this.method.method;
    try {
      for await (const request of requests) {
        if (this.outcome !== 'open') return;
        const bytes = toBuffer(requestType, requestType.create(request));
        await new Promise<void>((resolve) => {
          this.unblock = resolve;
          call.sendMessageWithContext({ callback: () => resolve() }, bytes);
        });
      }
      if (this.outcome === 'open') call.halfClose();
    } catch (error) {
      this.cancel(this.asError(error));
    }
  }

  /** Ends the wait for a write that a call which is over will not finish. */
  private unblock: () => void = () => undefined;

  private cancel(outcome: 'done' | FlashmeshError): void {
    if (this.outcome !== 'open') return;
    this.end(outcome);
    this.attempt.abandoned = true;
    this.call?.cancelWithStatus(Status.CANCELLED, 'the caller gave up');
  }

  /** The first outcome counts. */
  private end(outcome: 'done' | FlashmeshError): void {
    if (this.outcome !== 'open') return;
    this.outcome = outcome;
    for (const signal of this.signals) signal.removeEventListener('abort', this);
    this.observed.end(outcome === 'done' ? undefined : outcome);
    this.unblock();
    const { waiting } = this;
    this.waiting = undefined;
    if (outcome === 'done') waiting?.resolve({ done: true, value: undefined });
    else waiting?.reject(outcome);
  }

  private headers(given: Readonly<Record<string, string>> = {}): Metadata {
    const metadata = new Metadata(this.attempt);
    for (const [name, value] of Object.entries(given)) metadata.set(name, value);
    const repeated = repetition(currentCall());
    if (repeated !== undefined) metadata.set(RETRY_HEADER, repeated);
    const { traceparent } = this.observed;
    if (traceparent !== undefined) metadata.set(TRACEPARENT_HEADER, traceparent);
    return metadata;
  }

  private asError(error: unknown): FlashmeshError {
    if (error instanceof FlashmeshError) return error;
    const what = `the stream to ${this.method.service} broke`;
    return new FlashmeshError('internal', 'STREAM_BROKEN', what, { cause: error });
  }
}
