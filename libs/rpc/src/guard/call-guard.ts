import { type Clock, FlashmeshError } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type {
  ServerInterceptingCall,
  ServerInterceptingCallInterface,
  ServerInterceptor,
} from '@grpc/grpc-js';
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
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Stands before every call of a server: who makes it, and whether they may. @internal */
export class CallGuard {
  readonly sessions: Sessions;
  private readonly policy: AccessPolicy | undefined;
  private readonly log: RefusalLog;
  private readonly clock: Clock;

  constructor({ naming, rules, logger, clock }: CallGuardOptions) {
    this.sessions = new Sessions(naming);
    this.policy = naming && new AccessPolicy(rules, naming);
    this.log = new RefusalLog(logger, clock);
    this.clock = clock;
  }

  readonly interceptor: ServerInterceptor = ({ path }, call): ServerInterceptingCall => {
    const peer = this.sessions.peerOf(call);
    if (!this.policy) return new AdmittedCall(call, undefined);
    const caller = peer.kind === 'known' ? peer.identity : undefined;
    if (path.startsWith(OPEN)) return new AdmittedCall(call, caller);
    if (peer.kind === 'unknown') return this.refuse(call, path, peer.fault, peer);
    if (this.clock.now() > peer.notAfter) return this.refuse(call, path, 'expired', peer);
    if (!this.policy.allows(path, peer.identity)) return this.refuse(call, path, 'not_allowed', peer);
    return new AdmittedCall(call, caller);
  };

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

/** Says no more than the caller knows of itself. */
function refusalOf(reason: RefusalReason, caller: ServiceIdentity | undefined): FlashmeshError {
  return reason === 'not_allowed'
    ? new FlashmeshError('permission_denied', 'CALLER_NOT_ALLOWED', `${caller?.id} may not call this method`)
    : new FlashmeshError('unauthenticated', 'CALLER_UNKNOWN', `the caller is not known: ${reason}`);
}
