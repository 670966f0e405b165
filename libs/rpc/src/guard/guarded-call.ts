import {
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  status as Status,
} from '@grpc/grpc-js';
import type { ServiceIdentity } from '../identity/service-naming.ts';
import { isLate } from '../incoming-call.ts';
import type { Place } from '../overload/admission-control.ts';

type AuthContext = ReturnType<ServerInterceptingCallInterface['getAuthContext']>;
type Listener = Parameters<ServerInterceptingCall['start']>[0];

/** What a handler finds in the place of grpc-js' own; that one asks the socket for its certificate at every call. @internal */
export interface MeshAuthContext extends AuthContext {
  readonly caller: ServiceIdentity | undefined;
}

/** A call that was let in, and who makes it. @internal */
export class AdmittedCall extends ServerInterceptingCall {
  private readonly context: MeshAuthContext;
  private readonly inner: ServerInterceptingCallInterface;
  private readonly place: Place | undefined;

  constructor(call: ServerInterceptingCallInterface, caller: ServiceIdentity | undefined, place?: Place) {
    super(call);
    this.inner = call;
    this.context = { transportSecurityType: caller && 'ssl', caller };
    this.place = place;
  }

  override start(listener: Listener): void {
    this.inner.start(this.place ? new LeavingListener(listener, this.place, this.inner) : listener);
  }

  override sendStatus(status: Parameters<ServerInterceptingCall['sendStatus']>[0]): void {
    this.place?.leave(status.code);
    this.inner.sendStatus(status);
  }

  override getAuthContext(): MeshAuthContext {
    return this.context;
  }
}

/** Passes everything on, and leaves the place of a call whose caller is gone, or whose time ran out. */
class LeavingListener {
  private readonly listener: Listener;
  private readonly place: Place;
  private readonly call: ServerInterceptingCallInterface;

  constructor(listener: Listener, place: Place, call: ServerInterceptingCallInterface) {
    this.listener = listener;
    this.place = place;
    this.call = call;
  }

  onReceiveMetadata(metadata: Parameters<Listener['onReceiveMetadata']>[0]): void {
    this.listener.onReceiveMetadata(metadata);
  }

  onReceiveMessage(message: unknown): void {
    this.listener.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    this.listener.onReceiveHalfClose();
  }

  onCancel(): void {
    const late = isLate(Number(this.call.getDeadline()));
    this.place.leave(late ? Status.DEADLINE_EXCEEDED : Status.CANCELLED);
    this.listener.onCancel();
  }
}

/** A call that was answered before anybody looked at it: no handler hears of it. @internal */
export class RefusedCall extends ServerInterceptingCall {
  override start(): void {}
}

/** Who makes a call that a handler was given. @internal */
export function callerOf(call: { getAuthContext(): AuthContext }): ServiceIdentity | undefined {
  return (call.getAuthContext() as Partial<MeshAuthContext>).caller;
}
