import { abortError, FlashmeshError, systemClock } from '@flashmesh/core';
import { type InterceptingListener, Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import { currentCall } from './call-context.ts';
import type { MeshChannel } from './mesh-channel.ts';
import { type MethodDefinitionLike, toBuffer } from './service-definition.ts';
import { errorFromStatus } from './status.ts';
import { ObservedCall, type ObservedMethod, TRACEPARENT_HEADER } from './observed-call.ts';

/** What one call may ask for. */
export interface MeshCallOptions {
  /** How long to wait for the answer at most, in milliseconds; the call being served may leave less. */
  readonly deadlineMs?: number;
  /** Ends the call when it aborts. */
  readonly signal?: AbortSignal;
  /** Headers sent along; names are lower case, values printable ASCII. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What is known of a method before any call of it. @internal */
export interface ClientMethod {
  readonly path: string;
  readonly service: string;
  readonly method: MethodDefinitionLike;
  readonly observed: ObservedMethod;
  readonly defaultDeadlineMs: number;
}

/** The longest timeout that both sides' timers hold, about 24 days. */
const MAX_DEADLINE_MS = 2 ** 31 - 1;

/**
 * Makes one call. It goes to the channel itself, without grpc-js' client around it: that one's interceptors, emitter and
 * captured stack cost more than everything here.
 *
 * @internal
 */
export function callUnary(
  channel: MeshChannel,
  method: ClientMethod,
  request: unknown,
  options: MeshCallOptions | undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) =>
    new UnaryCall(method, resolve, reject).start(channel, request, options),
  );
}

class UnaryCall implements InterceptingListener {
  private readonly method: ClientMethod;
  private readonly resolve: (response: unknown) => void;
  private readonly reject: (error: FlashmeshError) => void;
  private readonly observed: ObservedCall;
  private call: ReturnType<MeshChannel['createCall']> | undefined;
  private message: Uint8Array | undefined;
  private inherited: AbortSignal | undefined;
  private own: AbortSignal | undefined;
  private settled = false;

  constructor(
    method: ClientMethod,
    resolve: (response: unknown) => void,
    reject: (error: FlashmeshError) => void,
  ) {
    this.method = method;
    this.resolve = resolve;
    this.reject = reject;
    this.observed = ObservedCall.client(method.observed);
  }

  start(channel: MeshChannel, request: unknown, options: MeshCallOptions | undefined): void {
    try {
      const serving = currentCall();
      this.inherited = serving?.signal;
      this.own = options?.signal;
      if (this.inherited?.aborted) throw abortError(this.inherited);
      if (this.own?.aborted) throw abortError(this.own);
      const now = systemClock.now();
      const wanted = Math.min(options?.deadlineMs ?? this.method.defaultDeadlineMs, MAX_DEADLINE_MS);
      const deadline = serving ? Math.min(now + wanted, serving.deadline) : now + wanted;
      if (!(deadline > now)) throw this.tooLate('no time is left');
      const { requestType } = this.method.method;
      const bytes = toBuffer(requestType, requestType.create(request));
      this.call = channel.createCall(this.method.path, deadline);
      this.inherited?.addEventListener('abort', this);
      this.own?.addEventListener('abort', this);
      this.call.start(this.headers(options?.metadata), this);
      this.call.startRead();
      this.call.sendMessageWithContext({}, bytes);
      this.call.halfClose();
    } catch (error) {
      this.fail(this.refusal(error));
    }
  }

  /** One of the two signals aborted: the caller hears it now, the far side as soon as the cancellation gets there. */
  handleEvent(event: Event): void {
    this.fail(abortError(event.target as AbortSignal));
    this.call?.cancelWithStatus(Status.CANCELLED, 'the caller gave up');
  }

  onReceiveMetadata(): void {}

  onReceiveMessage(message: Uint8Array): void {
    this.message = message;
  }

  onReceiveStatus(status: StatusObject): void {
    if (this.settled) return;
    if (status.code !== Status.OK) return this.fail(errorFromStatus(status, this.method.service));
    if (!this.message) return this.fail(this.malformed('answered without a message'));
    let response: unknown;
    try {
      response = this.method.method.responseType.decode(this.message);
    } catch (error) {
      return this.fail(this.malformed('sent an answer that cannot be read', error));
    }
    this.settle();
    this.observed.end();
    this.resolve(response);
  }

  private headers(given: Readonly<Record<string, string>> | undefined): Metadata {
    // Waits for a connection instead of failing while every instance is being reconnected to.
    const metadata = new Metadata({ waitForReady: true });
    if (given) for (const [name, value] of Object.entries(given)) metadata.set(name, value);
    const traceparent = this.observed.traceparent;
    if (traceparent !== undefined) metadata.set(TRACEPARENT_HEADER, traceparent);
    return metadata;
  }

  private fail(error: FlashmeshError): void {
    if (this.settled) return;
    this.settle();
    this.observed.end(error);
    this.reject(error);
  }

  private settle(): void {
    this.settled = true;
    this.inherited?.removeEventListener('abort', this);
    this.own?.removeEventListener('abort', this);
  }

  private refusal(error: unknown): FlashmeshError {
    if (error instanceof FlashmeshError) return error;
    return new FlashmeshError(
      'internal',
      'CALL_NOT_SENT',
      `the call to ${this.method.service} could not be sent`,
      {
        cause: error,
      },
    );
  }

  private tooLate(why: string): FlashmeshError {
    return new FlashmeshError(
      'deadline_exceeded',
      'DEADLINE_EXCEEDED',
      `${why} to call ${this.method.service}`,
    );
  }

  private malformed(what: string, cause?: unknown): FlashmeshError {
    return new FlashmeshError('internal', 'MALFORMED_ANSWER', `${this.method.service} ${what}`, { cause });
  }
}
