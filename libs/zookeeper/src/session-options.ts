import type { Clock, Credentials } from '@flashmesh/core';
import type { Logger } from '@flashmesh/telemetry';
import type { Dial } from './dial.ts';
import type { HostList } from './host-list.ts';

/** Identifies a session to any server. Whoever has it can use and end the session: never log it. */
export interface SessionCredentials {
  readonly sessionId: bigint;
  readonly password: Buffer;
}

export interface SessionOptions {
  readonly hosts: HostList;
  readonly requestedTimeoutMs: number;
  /** For one server, connection and handshake; undefined: by the rule of `Session.attemptTimeoutMs`. */
  readonly connectTimeoutMs: number | undefined;
  readonly renewSession: boolean;
  /** Whether a server without a quorum will do. */
  readonly readOnly: boolean;
  readonly maxInFlight: number;
  readonly resume: SessionCredentials | undefined;
  readonly dial: Dial;
  /** Sent on every connection before anything else. */
  readonly auth: Credentials | undefined;
  readonly sasl: Credentials | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger | undefined;
}
