import { type Clock } from '@flashmesh/core';
import { counter, type Logger } from '@flashmesh/telemetry';

/** Why a call was not let in; low in cardinality, for metrics. */
export type RefusalReason =
  'no_certificate' | 'untrusted' | 'expired' | 'foreign_trust_domain' | 'no_identity' | 'not_allowed';

/** @internal */
export interface Refusal {
  readonly reason: RefusalReason;
  readonly method: string;
  /** The caller's id: a proven one for `not_allowed` and `expired`, else what it claims to be. */
  readonly caller: string | undefined;
  /** `host:port` of the far side. */
  readonly peer: string;
  readonly detail: string | undefined;
}

/** A stranger who keeps calling gets a line each second, with how many there were: refusing must stay cheap. */
const REPEAT_MS = 1000;
const MAX_KEYS = 1000;

const refused = counter('rpc.server.refused', { description: 'Calls that were not let in, by reason' });

/** Says who was refused and why, at most once a second for the same thing. @internal */
export class RefusalLog {
  private readonly said = new Map<string, { at: number; unsaid: number }>();
  private readonly logger: Logger;
  private readonly clock: Clock;

  constructor(logger: Logger, clock: Clock) {
    this.logger = logger;
    this.clock = clock;
  }

  add(refusal: Refusal): void {
    const { reason, method, caller, peer, detail } = refusal;
    refused.add(1, { reason });
    const key = `${reason} ${method} ${caller}`;
    const now = this.clock.monotonic();
    const last = this.said.get(key);
    if (last && now - last.at < REPEAT_MS) {
      last.unsaid++;
      return;
    }
    if (this.said.size >= MAX_KEYS) this.said.clear();
    this.said.set(key, { at: now, unsaid: 0 });
    const repeated = last?.unsaid || undefined;
    this.logger.warn({ reason, method, caller, peer, detail, repeated }, 'a call was refused');
  }
}
