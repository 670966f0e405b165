import { FlashmeshError } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { ServerUnaryCall, StatusObject } from '@grpc/grpc-js';
import { runWithCall } from './call-context.ts';
import { callerOf } from './guard/guarded-call.ts';
import { IncomingCall } from './incoming-call.ts';
import { ObservedCall, type ObservedMethod, TRACEPARENT_HEADER } from './observed-call.ts';
import type { MethodDefinitionLike } from './service-definition.ts';
import { statusFromError } from './status.ts';

/** A handler as Nest has wrapped it: guards, pipes, interceptors and filters inside. @internal */
export type WrappedHandler = (request: unknown, call: IncomingCall) => Promise<unknown>;

/** What serves one method. @internal */
export interface ServedMethod {
  readonly path: string;
  readonly method: MethodDefinitionLike;
  readonly handler: WrappedHandler;
  readonly observed: ObservedMethod;
  readonly logger: Logger;
  /** Calls that wait for their answer. */
  readonly active: Set<Exchange>;
}

/** What all of grpc-js' kinds of calls have in common. @internal */
export interface ServerCall extends Pick<
  ServerUnaryCall<unknown, unknown>,
  'getDeadline' | 'metadata' | 'getAuthContext'
> {
  on(event: 'cancelled', listener: () => void): unknown;
}

/** One call on the server: answered exactly once, by its handler, or by {@link Exchange.refuse}. @internal */
export abstract class Exchange {
  protected readonly served: ServedMethod;
  protected readonly incoming: IncomingCall;
  private readonly observed: ObservedCall;
  private answered = false;

  constructor(served: ServedMethod, call: ServerCall) {
    this.served = served;
    const caller = callerOf(call);
    this.incoming = new IncomingCall(served.path, Number(call.getDeadline()), call.metadata, caller);
    this.observed = ObservedCall.server(
      served.observed,
      this.incoming.header(TRACEPARENT_HEADER),
      caller?.id,
    );
    // grpc-js says so for a call that was answered as well.
    call.on('cancelled', () => {
      if (!this.answered) this.abandon(this.incoming.whyGone());
    });
  }

  start(request: unknown): void {
    this.served.active.add(this);
    void runWithCall(this.incoming, () => this.observed.run(() => this.serve(request)));
  }

  /** Answers with an error in the handler's place, and tells the handler to stop. */
  refuse(error: FlashmeshError): void {
    if (this.answered) return;
    this.abandon(error);
    this.respondWithStatus(statusFromError(error));
  }

  /** Calls the handler and answers; what it throws becomes the answer. */
  protected abstract run(request: unknown): Promise<void>;
  /** Ends the call on the wire. */
  protected abstract respondWithStatus(status: StatusObject): void;

  protected get isAnswered(): boolean {
    return this.answered;
  }

  /** The first outcome counts: false when there was one before. */
  protected finish(error?: FlashmeshError): boolean {
    if (this.answered) return false;
    this.answered = true;
    this.served.active.delete(this);
    this.observed.end(error);
    return true;
  }

  /** Never throws: it is the end of the line for everything that can go wrong in a handler. */
  private async serve(request: unknown): Promise<void> {
    try {
      await this.run(request);
    } catch (error) {
      this.failed(error);
    }
  }

  private failed(thrown: unknown): void {
    const error = thrown instanceof FlashmeshError ? thrown : hidden(thrown);
    if (error.kind === 'internal' && !loggedByNest(thrown)) {
      const caller = this.incoming.caller?.id;
      this.served.logger.error(
        { err: error, method: this.served.path, caller },
        'a call failed unexpectedly',
      );
    }
    if (this.finish(error)) this.respondWithStatus(statusFromError(error));
  }

  private abandon(reason: FlashmeshError): void {
    this.finish(reason);
    this.incoming.abort(reason);
  }
}

/** @internal */
export function noAnswer(path: string): FlashmeshError {
  return new FlashmeshError('internal', 'NO_ANSWER', 'internal error', {
    cause: new Error(`the handler of ${path} ended without an answer`),
  });
}

function hidden(cause: unknown): FlashmeshError {
  return new FlashmeshError('internal', 'INTERNAL', 'internal error', { cause });
}

/** What Nest's default handler leaves of an error that it has logged. */
function loggedByNest(thrown: unknown): boolean {
  return !(thrown instanceof Error) && typeof thrown === 'object' && thrown !== null && 'status' in thrown;
}
