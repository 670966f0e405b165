import { abortError, FlashmeshError, systemClock, type Timer, unavailable } from '@flashmesh/core';
import { Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import type { Endpoint } from './balancer/endpoint.ts';
import { isImpatient } from './balancer-outcome.ts';
import { CallAttempt, type AttemptOwner } from './call-attempt.ts';
import { type CallContext, currentCall } from './call-context.ts';
import type { MeshChannel } from './mesh-channel.ts';
import { ObservedCall, type ObservedMethod, TRACEPARENT_HEADER } from './observed-call.ts';
import type { MethodLatency } from './retry/method-latency.ts';
import type { CallPolicy } from './retry/method-policy.ts';
import { hasPushback, mayRetry, repetition, RETRY_HEADER, retryDelayMs } from './retry/retry-decision.ts';
import { type MethodDefinitionLike, toBuffer } from './service-definition.ts';
import { errorFromStatus, isRefusedUnread } from './status.ts';

/** What one call may ask for. */
export interface MeshCallOptions {
  /** How long to wait for the answer at most, in milliseconds; the call being served may leave less. */
  readonly deadlineMs?: number;
  /** Ends the call when it aborts. */
  readonly signal?: AbortSignal;
  /** Headers sent along; names are lower case, values printable ASCII. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** What `ring_hash` goes by, in place of what the method's policy takes from the request. */
  readonly affinityKey?: string;
}

/** What is known of a method before any call of it. @internal */
export interface CalledMethod {
  readonly path: string;
  readonly service: string;
  readonly method: MethodDefinitionLike;
  readonly observed: ObservedMethod;
}

/** The same of a method that may be tried again. @internal */
export interface ClientMethod extends CalledMethod {
  readonly policy: CallPolicy;
  readonly latency: MethodLatency;
}

/** The longest timeout that both sides' timers hold, about 24 days. */
const MAX_DEADLINE_MS = 2 ** 31 - 1;
const NONE: readonly Endpoint[] = [];
/** How often a call is sent again that no server has read; grpc-js doubles it. */
const MAX_REFUSALS = 3;

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
    new UnaryCall(channel, method, resolve, reject).start(request, options),
  );
}

/**
 * One call and its attempts: the first, others in its place when it fails or is late (retries), another beside it when it takes
 * longer than most (a hedge). What comes first counts.
 */
class UnaryCall implements AttemptOwner {
  private readonly channel: MeshChannel;
  private readonly method: ClientMethod;
  private readonly resolve: (response: unknown) => void;
  private readonly reject: (error: FlashmeshError) => void;
  private readonly observed: ObservedCall;
  private bytes: Buffer | undefined;
  private given: Readonly<Record<string, string>> | undefined;
  private affinityKey: string | undefined;
  private inherited: AbortSignal | undefined;
  private own: AbortSignal | undefined;
  private deadline = 0;
  /** The call being served is a repeated one. */
  private repetition: string | undefined;
  private maxAttempts = 1;
  private tryTimeoutMs = Infinity;
  private launched = 0;
  private refusals = 0;
  /** Attempts under way: rarely more than one. */
  private live: CallAttempt[] = [];
  private tried: Endpoint[] | undefined;
  /** A retry that waits for its time. */
  private pending: Timer | undefined;
  private lastError: FlashmeshError | undefined;
  /** Trailers in which a server said when to come again. */
  private pushback: Metadata | undefined;
  /** Launched attempts that no handler has seen. */
  private unread = 0;
  private settled = false;

  constructor(
    channel: MeshChannel,
    method: ClientMethod,
    resolve: (response: unknown) => void,
    reject: (error: FlashmeshError) => void,
  ) {
    this.channel = channel;
    this.method = method;
    this.resolve = resolve;
    this.reject = reject;
    this.observed = ObservedCall.client(method.observed);
  }

  start(request: unknown, options: MeshCallOptions | undefined): void {
    try {
      const serving = currentCall();
      this.inherited = serving?.signal;
      this.own = options?.signal;
      if (this.inherited?.aborted) throw abortError(this.inherited);
      if (this.own?.aborted) throw abortError(this.own);
      this.limit(serving, options?.deadlineMs);
      const { requestType } = this.method.method;
      const message = requestType.create(request);
      this.bytes = toBuffer(requestType, message);
      this.given = options?.metadata;
      this.affinityKey = options?.affinityKey ?? this.method.policy.affinityKey?.(message as never);
      this.inherited?.addEventListener('abort', this);
      this.own?.addEventListener('abort', this);
      this.channel.totals.calls++;
      this.channel.budget.deposit();
      this.launch();
    } catch (error) {
      this.fail(this.refusal(error));
    }
  }

  /** One of the two signals aborted: the caller hears it now, the far side as soon as the cancellation gets there. */
  handleEvent(event: Event): void {
    this.fail(abortError(event.target as AbortSignal));
  }

  get usualMs(): number | undefined {
    return this.method.latency.quantile(0.5, systemClock.monotonic());
  }

  attemptPlaced(attempt: CallAttempt): void {
    if (this.settled || this.launched >= this.maxAttempts) return;
    const { hedge } = this.method.policy;
    const hedgeMs = hedge && this.live.length === 1 ? this.hedgeDelayMs(hedge) : undefined;
    if (hedgeMs !== undefined && hedgeMs < this.tryTimeoutMs) {
      this.arm(attempt, hedgeMs, () => {
        this.arm(attempt, this.tryTimeoutMs - hedgeMs, () => this.late(attempt));
        this.hedge(attempt);
      });
    } else this.arm(attempt, this.tryTimeoutMs, () => this.late(attempt));
  }

  attemptEnded(attempt: CallAttempt, status: StatusObject): void {
    attempt.timer?.cancel();
    this.leave(attempt);
    attempt.observed?.end(status.code, attempt.endpoint?.info.id);
    if (this.settled || attempt.abandoned) return;
    if (status.code === Status.OK) return this.succeed(attempt);
    if (!attempt.answered && isRefusedUnread(status) && this.sendAgain(attempt)) return;
    const error = errorFromStatus(status, this.method.service);
    // What never found an endpoint has waited for one, or was told that there is none: that says less than the attempt before it.
    if (attempt.endpoint || !this.lastError) this.lastError = error;
    const retryable = attempt.endpoint !== undefined && this.method.policy.retryOn.has(error.kind);
    if (retryable || !attempt.endpoint || error.kind === 'resource_exhausted') {
      // Nothing was said about the request itself: a hedge or a retry under way may still succeed.
      this.exclude(attempt);
      if (!attempt.endpoint || error.code === 'OVERLOADED') this.unread++;
      if (hasPushback(status.metadata)) this.pushback = status.metadata;
      if (this.live.length > 0 || this.pending) return;
    }
    if (retryable && this.retry()) return;
    this.fail(this.lastError);
  }

  private limit(serving: CallContext | undefined, deadlineMs: number | undefined): void {
    const { policy } = this.method;
    const now = systemClock.now();
    const wanted = Math.min(deadlineMs ?? policy.deadlineMs, MAX_DEADLINE_MS);
    this.deadline = serving ? Math.min(now + wanted, serving.deadline) : now + wanted;
    const leftMs = this.deadline - now;
    if (!(leftMs > 0)) throw this.tooLate('no time is left');
    this.repetition = repetition(serving);
    this.maxAttempts = this.repetition === undefined ? policy.maxAttempts : 1;
    this.tryTimeoutMs = policy.tryTimeoutMs ?? Math.ceil(leftMs / this.maxAttempts);
  }

  private launch(isHedge = false): void {
    this.launched++;
    const expendable = this.launched < this.maxAttempts;
    const attempt = new CallAttempt(this, this.launched, this.tried ?? NONE, this.affinityKey, expendable);
    attempt.isHedge = isHedge;
    if (this.launched > 1)
      attempt.observed = this.observed.attempt(isHedge ? 'hedge' : 'retry', this.launched);
    this.live.push(attempt);
    const { bytes } = this;
    attempt.call = this.channel.createCall(this.method.path, this.deadline);
    attempt.call.start(this.headers(attempt), attempt);
    attempt.call.startRead();
    attempt.call.sendMessageWithContext({}, bytes as Buffer);
    attempt.call.halfClose();
  }

  /** Another attempt after one that failed. False when there may be none. */
  private retry(): boolean {
    const leftMs = this.deadline - systemClock.now();
    const delayMs = retryDelayMs(this.pushback, this.launched, this.canGoElsewhere());
    this.pushback = undefined;
    if (delayMs === undefined || !this.mayRepeat(leftMs - delayMs)) return false;
    this.channel.totals.retries++;
    this.pending = systemClock.after(delayMs, () => this.repeat());
    return true;
  }

  /** Sends an attempt again that no server has read: whatever the method does, it has not been done. False when that will not do. */
  private sendAgain(attempt: CallAttempt): boolean {
    if (this.pending || this.refusals >= MAX_REFUSALS || this.deadline <= systemClock.now()) return false;
    if (!this.channel.budget.withdraw()) return false;
    this.refusals++;
    this.channel.totals.retries++;
    // It takes the place of the one that was refused, as if that had never been.
    this.launched--;
    this.repeat(attempt.isHedge);
    return true;
  }

  /** An attempt took its share of the time: its endpoint is blamed now, unless that was little, and if there may be another attempt, it is given up. */
  private late(attempt: CallAttempt): void {
    if (!attempt.endpoint) return;
    if (!isImpatient(attempt.startedMs, this.usualMs)) {
      attempt.lateCounted = true;
      this.channel.endpoints.timedOut(attempt.endpoint, attempt.startedMs);
    }
    this.exclude(attempt);
    // Where there is nobody else, or no budget, waiting on is the best that can be done.
    if (!this.canGoElsewhere() || !this.mayRepeat(this.deadline - systemClock.now())) return;
    this.channel.totals.retries++;
    this.repeat();
    this.abandon(attempt, Status.DEADLINE_EXCEEDED, 'the attempt took too long');
  }

  private hedge(first: CallAttempt): void {
    if (this.live.length !== 1) return;
    this.exclude(first);
    if (!this.canGoElsewhere() || !this.mayRepeat(this.deadline - systemClock.now())) return;
    this.channel.totals.hedges++;
    this.repeat(true);
  }

  private repeat(isHedge = false): void {
    this.pending = undefined;
    if (this.settled) return;
    try {
      this.launch(isHedge);
    } catch (error) {
      this.fail(this.refusal(error));
    }
  }

  /** Whether there may be another attempt that has `leftMs`; takes it out of the budget. */
  private mayRepeat(leftMs: number): boolean {
    if (this.launched >= this.maxAttempts) return false;
    if (!mayRetry(leftMs, this.usualMs)) return false;
    if (this.channel.budget.withdraw()) return true;
    this.channel.totals.budgetExhausted++;
    return false;
  }

  private exclude({ endpoint }: CallAttempt): void {
    if (endpoint && !this.tried?.includes(endpoint)) (this.tried ??= []).push(endpoint);
  }

  private canGoElsewhere(): boolean {
    return this.channel.endpoints.hasOther(this.tried ?? NONE);
  }

  private hedgeDelayMs(hedge: NonNullable<CallPolicy['hedge']>): number | undefined {
    const usual = this.method.latency.quantile(hedge.percentile, systemClock.monotonic());
    const delayMs = usual ?? hedge.initialDelayMs;
    return delayMs === undefined ? undefined : Math.max(delayMs, hedge.minDelayMs);
  }

  /** The next thing to do about an attempt if it does not end: send a hedge, give it up. */
  private arm(attempt: CallAttempt, delayMs: number, then: () => void): void {
    attempt.timer?.cancel();
    attempt.timer = systemClock.after(delayMs, () => {
      // After a pause of this process timers run before the sockets are read: answers that are there already come first.
      setImmediate(() => this.live.includes(attempt) && then());
    });
  }

  private abandon(attempt: CallAttempt, code: Status, why: string): void {
    attempt.abandoned = true;
    this.leave(attempt);
    attempt.call?.cancelWithStatus(code, why);
  }

  /** The attempt is under way no more. */
  private leave(attempt: CallAttempt): void {
    const at = this.live.indexOf(attempt);
    if (at >= 0) this.live.splice(at, 1);
  }

  private headers(attempt: CallAttempt): Metadata {
    const metadata = new Metadata(attempt);
    if (this.given) for (const [name, value] of Object.entries(this.given)) metadata.set(name, value);
    const repetition = attempt.number > 1 ? String(attempt.number - 1) : this.repetition;
    if (repetition !== undefined) metadata.set(RETRY_HEADER, repetition);
    const { traceparent } = attempt.observed ?? this.observed;
    if (traceparent !== undefined) metadata.set(TRACEPARENT_HEADER, traceparent);
    return metadata;
  }

  private succeed(attempt: CallAttempt): void {
    if (!attempt.message) return this.fail(this.malformed('answered without a message'));
    let response: unknown;
    try {
      response = this.method.method.responseType.decode(attempt.message);
    } catch (error) {
      return this.fail(this.malformed('sent an answer that cannot be read', error));
    }
    this.settle();
    const nowMs = systemClock.monotonic();
    this.method.latency.record(nowMs - attempt.startedMs, nowMs);
    if (attempt.isHedge) this.channel.totals.hedgesWon++;
    this.observed.answered(attempt.endpoint?.info.id, this.launched);
    this.observed.end();
    this.resolve(response);
  }

  private fail(error: FlashmeshError): void {
    if (this.settled) return;
    this.settle();
    this.observed.end(error);
    const certain = error.code !== 'OVERLOADED' || this.launched === this.unread;
    this.reject(certain ? error : uncertain(error));
  }

  /** Nothing that still runs matters any more. */
  private settle(): void {
    this.settled = true;
    this.pending?.cancel();
    this.inherited?.removeEventListener('abort', this);
    this.own?.removeEventListener('abort', this);
    while (this.live[0]) this.abandon(this.live[0], Status.CANCELLED, 'the caller gave up');
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

/** Refused unread, which is no answer: an attempt before may have been carried out. */
function uncertain(refusal: FlashmeshError): FlashmeshError {
  return unavailable('UNCERTAIN', `${refusal.message}; an attempt before may have been carried out`, {
    cause: refusal,
    retryAfterMs: refusal.retryAfterMs,
  });
}
