import { FlashmeshError } from '@flashmesh/core';
import type { Metadata } from '@grpc/grpc-js';
import type { ServiceIdentity } from './identity/service-naming.ts';
import { type CallContext, remainingUntil } from './call-context.ts';

/** A caller's clock started earlier than ours, by what its request took to get here: so it gives up before we would. */
const TRANSIT_MS = 25;

/** A call that this server answers; what a handler receives as its second argument. */
export class IncomingCall implements CallContext {
  /** e.g. `/flashmesh.order.v1.OrderService/PlaceOrder`. */
  readonly path: string;
  readonly deadline: number;
  /** Who makes the call, proven by a certificate; `undefined` in plain text. */
  readonly caller: ServiceIdentity | undefined;
  private readonly metadata: Metadata;
  private abortReason: FlashmeshError | undefined;
  /** Made when somebody asks for the signal: most handlers never do. */
  private controller: AbortController | undefined;

  /** @internal */
  constructor(path: string, deadline: number, metadata: Metadata, caller?: ServiceIdentity) {
    this.path = path;
    this.deadline = deadline;
    this.metadata = metadata;
    this.caller = caller;
  }

  get signal(): AbortSignal {
    if (!this.controller) {
      this.controller = new AbortController();
      if (this.abortReason) this.controller.abort(this.abortReason);
    }
    return this.controller.signal;
  }

  remainingMs(): number {
    return remainingUntil(this.deadline);
  }

  /** A header that the caller sent, by its lower-case name. */
  header(name: string): string | undefined {
    const value = this.metadata.get(name)[0];
    return typeof value === 'string' ? value : undefined;
  }

  /** Tells the handler to stop; the first reason stands. @internal */
  abort(reason: FlashmeshError): void {
    this.abortReason ??= reason;
    this.controller?.abort(this.abortReason);
  }

  /** Why the caller no longer waits, once it is known that it does not. @internal */
  whyGone(): FlashmeshError {
    return isLate(this.deadline)
      ? new FlashmeshError('deadline_exceeded', 'DEADLINE_EXCEEDED', 'the deadline of the call passed')
      : new FlashmeshError('cancelled', 'CANCELLED', 'the caller gave up');
  }
}

/** Whether a caller that is gone has run out of time. @internal */
export function isLate(deadline: number): boolean {
  return remainingUntil(deadline) <= TRANSIT_MS;
}
