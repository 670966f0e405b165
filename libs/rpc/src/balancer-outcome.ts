import { systemClock } from '@flashmesh/core';
import { status as Status, type StatusObject } from '@grpc/grpc-js';
import type { Outcome } from './balancer/breaker.ts';
import type { CallAttempt } from './call-attempt.ts';
import { isLostConnection, isOwnDeadline, isRefusedUnread } from './status.ts';

const OUTCOMES: ReadonlyMap<number, Outcome> = new Map([
  [Status.OK, 'success'],
  [Status.UNAVAILABLE, 'failure'],
  [Status.UNKNOWN, 'failure'],
  [Status.INTERNAL, 'failure'],
  [Status.DATA_LOSS, 'failure'],
  [Status.RESOURCE_EXHAUSTED, 'overload'],
]);

/** So much longer than usual a try waits before its lateness is the endpoint's fault, and not the impatience of its caller. */
const PATIENCE_MS = 100;

/**
 * Whether a try that is given up had too little time to say anything about its endpoint: a caller whose own deadline is near would
 * otherwise eject whoever it asks.
 *
 * @param usualMs what half of the method's calls take at most; `undefined` while that is unknown.
 * @internal
 */
export function isImpatient(startedMs: number, usualMs: number | undefined): boolean {
  return systemClock.monotonic() - startedMs < (usualMs ?? 0) + PATIENCE_MS;
}

/**
 * What DEADLINE_EXCEEDED says about the endpoint that a call went to.
 *
 * @param attempt that ended; `undefined` for calls past our own layer.
 * @internal
 */
export function outcomeOfLateness(
  status: StatusObject,
  attempt: Pick<CallAttempt, 'abandoned' | 'usualMs'> | undefined,
  startedMs: number,
): Outcome {
  // What was given up for being late was judged then.
  if (attempt?.abandoned) return 'neutral';
  const early = isImpatient(startedMs, attempt?.usualMs);
  if (isOwnDeadline(status)) return early ? 'neutral' : 'timeout';
  return early ? 'answer' : 'failure';
}

/**
 * What any other status says about the endpoint that it came from. PERMISSION_DENIED, which Linkerd counts as a failure, is the
 * caller's affair here, as are all other answers about the request.
 *
 * @param abandoned the caller had given up.
 * @internal
 */
export function outcomeOf(status: StatusObject, abandoned: boolean): Outcome {
  if (isRefusedUnread(status)) return 'neutral';
  const outcome = OUTCOMES.get(status.code);
  if (outcome) return outcome;
  if (abandoned) return 'neutral';
  return isLostConnection(status) ? 'failure' : 'answer';
}
