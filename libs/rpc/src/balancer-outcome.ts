import { status as Status } from '@grpc/grpc-js';
import type { Outcome } from './balancer/breaker.ts';
import { isLostConnection } from './status.ts';

/**
 * What a status says about the endpoint that it came from. PERMISSION_DENIED, which Linkerd counts as a failure, is the caller's
 * affair here, as are all other answers about the request.
 *
 * @param abandoned the caller had given the attempt up.
 * @internal
 */
export function outcomeOf(code: Status, details: string, abandoned: boolean): Outcome {
  switch (code) {
    case Status.OK:
      return 'success';
    case Status.UNAVAILABLE:
    case Status.UNKNOWN:
    case Status.INTERNAL:
    case Status.DATA_LOSS:
      return 'failure';
    case Status.DEADLINE_EXCEEDED:
      return 'timeout';
    case Status.RESOURCE_EXHAUSTED:
      return 'overload';
    case Status.CANCELLED:
      return !abandoned && isLostConnection({ code, details }) ? 'failure' : 'neutral';
    default:
      return 'neutral';
  }
}
