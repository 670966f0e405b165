import { ServerInterceptingCall, type ServerInterceptingCallInterface } from '@grpc/grpc-js';
import type { ServiceIdentity } from '../identity/service-naming.ts';

type AuthContext = ReturnType<ServerInterceptingCallInterface['getAuthContext']>;

/** What a handler finds in the place of grpc-js' own; that one asks the socket for its certificate at every call. @internal */
export interface MeshAuthContext extends AuthContext {
  readonly caller: ServiceIdentity | undefined;
}

/** A call that was let in, and who makes it. @internal */
export class AdmittedCall extends ServerInterceptingCall {
  private readonly context: MeshAuthContext;

  constructor(call: ServerInterceptingCallInterface, caller: ServiceIdentity | undefined) {
    super(call);
    this.context = { transportSecurityType: caller && 'ssl', caller };
  }

  override getAuthContext(): MeshAuthContext {
    return this.context;
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
