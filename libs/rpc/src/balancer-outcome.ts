import { status as Status, type StatusObject } from '@grpc/grpc-js';
import type { Outcome } from './balancer/breaker.ts';
import { isLostConnection, isRefusedUnread } from './status.ts';

const OUTCOMES: ReadonlyMap<number, Outcome> = new Map([
  [Status.OK, 'success'],
  [Status.UNAVAILABLE, 'failure'],
  [Status.UNKNOWN, 'failure'],
  [Status.INTERNAL, 'failure'],
  [Status.DATA_LOSS, 'failure'],
  [Status.DEADLINE_EXCEEDED, 'timeout'],
  [Status.RESOURCE_EXHAUSTED, 'overload'],
]);

/**
 * What a status says about the endpoint that it came from. PERMISSION_DENIED, which Linkerd counts as a failure, is the caller's
 * affair here, as are all other answers about the request.
 *
 * @param abandoned the caller had given the attempt up.
 * @internal
 */
export function outcomeOf(status: StatusObject, abandoned: boolean): Outcome {
  if (isRefusedUnread(status)) return 'neutral';
  const outcome = OUTCOMES.get(status.code);
  if (outcome) return outcome;
  return !abandoned && isLostConnection(status) ? 'failure' : 'neutral';
}
