import { type Clock, FlashmeshError } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type {
  ServerInterceptingCall,
  ServerInterceptingCallInterface,
  ServerInterceptor,
  StatusObject,
} from '@grpc/grpc-js';
import type { AdmissionControl } from '../overload/admission-control.ts';
import type { Peer } from '../identity/peer.ts';
import type { ServiceIdentity, ServiceNaming } from '../identity/service-naming.ts';
import { statusFromError } from '../status.ts';
import { AdmittedCall, RefusedCall } from './guarded-call.ts';
import { RefusalLog, type RefusalReason } from './refusal-log.ts';
import { AccessPolicy, type ServiceRules } from './rules.ts';
import { Sessions } from './sessions.ts';

/** Probes have no certificate, and learn nothing but whether the server serves. */
const OPEN = '/grpc.health.v1.Health/';

/** @internal */
export interface CallGuardOptions {
  /** Who services are; without, calls come in plain text and nobody is asked. */
  readonly naming: ServiceNaming | undefined;
  readonly rules: readonly ServiceRules[];
  /** Without, every call is let in. */
  readonly control: AdmissionControl | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Stands before every call of a server: who makes it, and whether they may. @internal */
export class CallGuard {
  readonly sessions: Sessions;
  private arrived = 0;
  private readonly policy: AccessPolicy | undefined;
  private readonly log: RefusalLog;
  private readonly control: AdmissionControl | undefined;
  private readonly overloaded: StatusObject;
  private readonly clock: Clock;

  constructor({ naming, rules, control, logger, clock }: CallGuardOptions) {
    this.sessions = new Sessions(naming);
    this.policy = naming && new AccessPolicy(rules, naming);
    this.log = new RefusalLog(logger, clock);
    this.clock = clock;
    this.control = control;
    this.overloaded = overloadedStatus(control?.pushbackMs ?? 0);
  }

  readonly interceptor: ServerInterceptor = (method, call): ServerInterceptingCall => {
    const { path } = method;
    const peer = this.sessions.peerOf(call);
    const caller = peer.kind === 'known' ? peer.identity : undefined;
    if (path.startsWith(OPEN)) return new AdmittedCall(call, caller);
    this.arrived++;
    if (!this.policy) return this.admit(call, method, undefined);
    if (peer.kind === 'unknown') return this.refuse(call, path, peer.fault, peer);
    if (this.clock.now() > peer.notAfter) return this.refuse(call, path, 'expired', peer);
    if (!this.policy.allows(path, peer.identity)) return this.refuse(call, path, 'not_allowed', peer);
    return this.admit(call, method, caller);
  };

  /** Calls that ever came, let in or not, apart from probes. */
  get arrivals(): number {
    return this.arrived;
  }

  /** The last question before a call is let in: whether there is room. Refusing must cost next to nothing. */
  private admit(
    call: ServerInterceptingCallInterface,
    { path, requestStream, responseStream }: Parameters<ServerInterceptor>[0],
    caller: ServiceIdentity | undefined,
  ): ServerInterceptingCall {
    const { control } = this;
    if (!control) return new AdmittedCall(call, caller);
    const place = requestStream || responseStream ? undefined : control.enter(path);
    if (place || ((requestStream || responseStream) && control.hasRoom(path))) {
      return new AdmittedCall(call, caller, place);
    }
    call.sendStatus(this.overloaded);
    return new RefusedCall(call);
  }

  private refuse(
    call: ServerInterceptingCallInterface,
    method: string,
    reason: RefusalReason,
    peer: Peer,
  ): RefusedCall {
    const known = peer.kind === 'known';
    this.log.add({
      reason,
      method,
      caller: known ? peer.identity.id : peer.claimed,
      peer: call.getPeer(),
      detail: known ? undefined : peer.detail,
    });
    call.sendStatus(statusFromError(refusalOf(reason, known ? peer.identity : undefined)));
    return new RefusedCall(call);
  }
}

/** Says when to try again twice: to gRPC's own retries, and to those who read rich errors. */
function overloadedStatus(pushbackMs: number): StatusObject {
  const status = statusFromError(
    new FlashmeshError('resource_exhausted', 'OVERLOADED', 'the server has too much to do', {
      retryAfterMs: pushbackMs,
    }),
  );
  status.metadata.set('grpc-retry-pushback-ms', String(pushbackMs));
  return status;
}

/** Says no more than the caller knows of itself. */
function refusalOf(reason: RefusalReason, caller: ServiceIdentity | undefined): FlashmeshError {
  return reason === 'not_allowed'
    ? new FlashmeshError('permission_denied', 'CALLER_NOT_ALLOWED', `${caller?.id} may not call this method`)
    : new FlashmeshError('unauthenticated', 'CALLER_UNKNOWN', `the caller is not known: ${reason}`);
}
