import { FlashmeshError, systemClock } from '@flashmesh/core';
import {
  attr,
  type Attributes,
  context,
  contextFromTraceparent,
  type Histogram,
  histogram,
  recordError,
  runInSpan,
  type Span,
  SpanKind,
  startSpan,
  trace,
  traceparentOfSpan,
} from '@flashmesh/telemetry';
import { status as Status } from '@grpc/grpc-js';
import { type MethodDefinitionLike, pathOf, type ServiceDefinitionLike } from './service-definition.ts';
import { codeOf } from './status.ts';

/** The W3C header that carries the caller's span. @internal */
export const TRACEPARENT_HEADER = 'traceparent';

const clientDuration = histogram('rpc.client.duration', { unit: 'ms', description: 'Outgoing calls' });
const serverDuration = histogram('rpc.server.duration', { unit: 'ms', description: 'Incoming calls' });

/** By the conventions, a server's span fails only by what is the server's fault; a refused order is a fine answer. */
const SERVER_FAULTS: ReadonlySet<Status> = new Set([
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.UNIMPLEMENTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
  Status.DATA_LOSS,
]);
const SERVER_FAULT = (code: Status): boolean => SERVER_FAULTS.has(code);
const ANY_FAULT = (): boolean => true;

/** What spans and metrics say of every call of a method. @internal */
export interface ObservedMethod {
  readonly spanName: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** The attributes with a status code, for metrics: one object for each code, not for each call. */
  withCode(code: number): Attributes;
}

/** By OpenTelemetry's conventions for RPC. @internal */
export function observedMethod(
  definition: ServiceDefinitionLike,
  method: MethodDefinitionLike,
): ObservedMethod {
  const attributes = {
    [attr.rpcSystem]: 'grpc',
    [attr.rpcService]: definition.fullName,
    [attr.rpcMethod]: method.name,
  };
  const byCode: Attributes[] = [];
  return {
    spanName: pathOf(definition, method).slice(1),
    attributes,
    withCode: (code) => (byCode[code] ??= { ...attributes, [attr.rpcGrpcStatusCode]: code }),
  };
}

/** The span and the duration of one call, on either side: everything that this library tells OpenTelemetry. @internal */
export class ObservedCall {
  private readonly method: ObservedMethod;
  private readonly span: Span;
  private readonly duration: Histogram;
  private readonly isFault: (code: Status) => boolean;
  private readonly startedAt = systemClock.monotonic();

  /** An outgoing call; its span is a child of the active one. */
  static client(method: ObservedMethod): ObservedCall {
    const span = startSpan(method.spanName, { kind: SpanKind.CLIENT, attributes: method.attributes });
    return new ObservedCall(method, span, clientDuration, ANY_FAULT);
  }

  /** An incoming call; its span is a child of the caller's. */
  static server(
    method: ObservedMethod,
    traceparent: string | undefined,
    caller: string | undefined,
  ): ObservedCall {
    const parent = contextFromTraceparent(traceparent);
    const span = startSpan(method.spanName, { kind: SpanKind.SERVER, attributes: method.attributes, parent });
    if (caller !== undefined) span.setAttribute(attr.rpcCaller, caller);
    return new ObservedCall(method, span, serverDuration, SERVER_FAULT);
  }

  private constructor(
    method: ObservedMethod,
    span: Span,
    duration: Histogram,
    isFault: (code: Status) => boolean,
  ) {
    this.method = method;
    this.span = span;
    this.duration = duration;
    this.isFault = isFault;
  }

  /** What to send so that the far side's span becomes the child of this one. */
  get traceparent(): string | undefined {
    return traceparentOfSpan(this.span);
  }

  /**
   * The span of an attempt after the first, beneath the call's; the first one is told by the call's own. `undefined` when the call is
   * not traced.
   */
  attempt(kind: 'retry' | 'hedge', number: number): ObservedAttempt | undefined {
    if (!this.span.isRecording()) return undefined;
    const span = startSpan(`${this.method.spanName} ${kind}`, {
      kind: SpanKind.CLIENT,
      attributes: { ...this.method.attributes, [attr.meshAttempt]: number },
      parent: trace.setSpan(context.active(), this.span),
    });
    return new ObservedAttempt(span);
  }

  /** Notes how the call was answered: by which instance, with how many attempts. */
  answered(instance: string | undefined, attempts: number): void {
    if (!this.span.isRecording()) return;
    if (instance !== undefined) this.span.setAttribute(attr.instance, instance);
    if (attempts > 1) this.span.setAttribute(attr.meshAttempts, attempts);
  }

  /** Runs `run` with the span active. */
  run<T>(run: () => T): T {
    return runInSpan(this.span, run);
  }

  /** Ends it, with the error that it came to, if any. */
  end(error?: FlashmeshError): void {
    const code = error ? codeOf(error.kind) : Status.OK;
    this.duration.record(systemClock.monotonic() - this.startedAt, this.method.withCode(code));
    if (this.span.isRecording()) {
      this.span.setAttribute(attr.rpcGrpcStatusCode, code);
      // A hidden error is worth its stack in the trace, which its safe stand-in does not have.
      if (error && this.isFault(code)) {
        recordError(this.span, error.kind === 'internal' ? (error.cause ?? error) : error);
      }
    }
    this.span.end();
  }
}

/** The span of a retry or a hedge. @internal */
export class ObservedAttempt {
  private readonly span: Span;

  constructor(span: Span) {
    this.span = span;
  }

  /** What to send so that the far side's span becomes the child of this one. */
  get traceparent(): string | undefined {
    return traceparentOfSpan(this.span);
  }

  end(code: number, instance: string | undefined): void {
    this.span.setAttribute(attr.rpcGrpcStatusCode, code);
    if (instance !== undefined) this.span.setAttribute(attr.instance, instance);
    this.span.end();
  }
}
