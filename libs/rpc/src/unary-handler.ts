import { FlashmeshError } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import { type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js';
import { isObservable, type Observable } from 'rxjs';
import { runWithCall } from './call-context.ts';
import { callerOf } from './guard/guarded-call.ts';
import { IncomingCall } from './incoming-call.ts';
import { type MethodDefinitionLike, toBuffer } from './service-definition.ts';
import { statusFromError } from './status.ts';
import { ObservedCall, type ObservedMethod, TRACEPARENT_HEADER } from './observed-call.ts';

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
  readonly active: Set<UnaryExchange>;
}

/** Serves one method; the response leaves as bytes, so that a faulty one is found here. @internal */
export function unaryHandler(served: ServedMethod) {
  return (call: ServerUnaryCall<unknown, Buffer>, respond: sendUnaryData<Buffer>): void => {
    new UnaryExchange(served, call, respond).start(call.request);
  };
}

/** One call on the server: answered exactly once, by its handler, or by {@link UnaryExchange.refuse}. @internal */
export class UnaryExchange {
  private readonly served: ServedMethod;
  private readonly respond: sendUnaryData<Buffer>;
  private readonly incoming: IncomingCall;
  private readonly observed: ObservedCall;
  private answered = false;

  constructor(served: ServedMethod, call: ServerUnaryCall<unknown, Buffer>, respond: sendUnaryData<Buffer>) {
    this.served = served;
    this.respond = respond;
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
    void runWithCall(this.incoming, () => this.observed.run(() => this.run(request)));
  }

  /** Answers with an error in the handler's place, and tells the handler to stop. */
  refuse(error: FlashmeshError): void {
    if (this.answered) return;
    this.abandon(error);
    this.respond(statusFromError(error));
  }

  /** Never throws: it is the end of the line for everything that can go wrong in a handler. */
  private async run(request: unknown): Promise<void> {
    try {
      let response = await this.served.handler(request, this.incoming);
      if (isObservable(response)) response = await firstValue(response, this.incoming);
      if (response === undefined || response === null) throw noAnswer(this.served.path);
      const bytes = toBuffer(this.served.method.responseType, response);
      if (!this.finish()) return;
      this.respond(null, bytes);
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
    if (this.finish(error)) this.respond(statusFromError(error));
  }

  private abandon(reason: FlashmeshError): void {
    this.finish(reason);
    this.incoming.abort(reason);
  }

  /** The first outcome counts: false when there was one before. */
  private finish(error?: FlashmeshError): boolean {
    if (this.answered) return false;
    this.answered = true;
    this.served.active.delete(this);
    this.observed.end(error);
    return true;
  }
}

/** The first value; a unary call has one answer, so what would follow is not waited for. Ends when the caller is gone. */
function firstValue(source: Observable<unknown>, call: IncomingCall): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const subscription = source.subscribe({
      next: (value) => {
        resolve(value);
        // A source that emits while it is being subscribed to gets here before there is a subscription.
        queueMicrotask(() => subscription.unsubscribe());
      },
      error: reject,
      complete: () => reject(noAnswer(call.path)),
    });
    const stop = () => {
      subscription.unsubscribe();
      reject(call.whyGone());
    };
    if (subscription.closed) return;
    if (call.signal.aborted) stop();
    else call.signal.addEventListener('abort', stop, { once: true });
  });
}

function noAnswer(path: string): FlashmeshError {
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
