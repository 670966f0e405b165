import { type ErrorKind, FlashmeshError } from '@flashmesh/core';
import { Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import { decodeStatusDetails, encodeStatusDetails, STATUS_DETAILS_KEY } from './rich-status.ts';

const CODES: Readonly<Record<ErrorKind, Status>> = {
  cancelled: Status.CANCELLED,
  invalid_argument: Status.INVALID_ARGUMENT,
  deadline_exceeded: Status.DEADLINE_EXCEEDED,
  not_found: Status.NOT_FOUND,
  already_exists: Status.ALREADY_EXISTS,
  permission_denied: Status.PERMISSION_DENIED,
  resource_exhausted: Status.RESOURCE_EXHAUSTED,
  failed_precondition: Status.FAILED_PRECONDITION,
  aborted: Status.ABORTED,
  unimplemented: Status.UNIMPLEMENTED,
  internal: Status.INTERNAL,
  unavailable: Status.UNAVAILABLE,
  unauthenticated: Status.UNAUTHENTICATED,
};

const KINDS = new Map<number, ErrorKind>(
  Object.entries(CODES).map(([kind, code]) => [code, kind as ErrorKind]),
);
KINDS.set(Status.OUT_OF_RANGE, 'invalid_argument');

/** What the caller is told when the far side said nothing that is safe to repeat. */
const SAFE_MESSAGES: Readonly<Record<ErrorKind, string>> = {
  cancelled: 'gave up the call',
  invalid_argument: 'refused the request',
  deadline_exceeded: 'did not answer in time',
  not_found: 'found nothing',
  already_exists: 'has this already',
  permission_denied: 'does not allow this',
  resource_exhausted: 'is too busy',
  failed_precondition: 'is not in a state for this',
  aborted: 'aborted the call',
  unimplemented: 'does not know this method',
  internal: 'failed',
  unavailable: 'cannot be reached',
  unauthenticated: 'does not know the caller',
};

/** The kind of a gRPC status code; UNKNOWN and DATA_LOSS are `internal`. @internal */
export function kindOf(code: number): ErrorKind {
  return KINDS.get(code) ?? 'internal';
}

/** The gRPC status code of a kind. @internal */
export function codeOf(kind: ErrorKind): Status {
  return CODES[kind];
}

/**
 * The status that a caller receives for an error. A FlashmeshError travels whole, besides its cause: kind as the status code,
 * message as the details, `code`, `field` and `retryAfterMs` as the details of a `google.rpc.Status` (ErrorInfo, BadRequest,
 * RetryInfo) that clients in any language can read. Anything else is INTERNAL and says nothing more.
 */
export function statusFromError(error: unknown): StatusObject {
  if (!(error instanceof FlashmeshError)) {
    return statusFromError(new FlashmeshError('internal', 'INTERNAL', 'internal error'));
  }
  const code = codeOf(error.kind);
  const metadata = new Metadata();
  metadata.set(STATUS_DETAILS_KEY, encodeStatusDetails(code, error));
  // grpc-js percent-encodes the details and throws, outside of any handler, on half a surrogate pair.
  return { code, details: error.message.toWellFormed(), metadata };
}

/**
 * The error behind a status: the one that the far side threw, or, when the status came from the transport, one with a safe
 * message about `what` and the transport's own words as cause. `unavailable` from the transport says: try again in 500 ms.
 */
export function errorFromStatus(status: StatusObject, what: string): FlashmeshError {
  const [bytes] = status.metadata.get(STATUS_DETAILS_KEY);
  const details = Buffer.isBuffer(bytes) ? decodeStatusDetails(bytes) : undefined;
  if (details) {
    const told = kindOf(status.code);
    return new FlashmeshError(told, details.reason ?? told.toUpperCase(), status.details, details);
  }
  const kind = isLostConnection(status) ? 'unavailable' : kindOf(status.code);
  return new FlashmeshError(kind, kind.toUpperCase(), `${what} ${SAFE_MESSAGES[kind]}`, {
    cause: new Error(`${Status[status.code]}: ${status.details}`),
    retryAfterMs: kind === 'unavailable' ? 500 : undefined,
  });
}

/**
 * A server that is shut down by force cancels its calls, and one that gives a connection up (its ping went unanswered, say) resets
 * their streams, which grpc-js tells as INTERNAL. For the caller both are a lost connection: nobody gave up, nothing failed inside.
 *
 * @internal
 */
export function isLostConnection({ code, details }: Pick<StatusObject, 'code' | 'details'>): boolean {
  return (
    code === Status.CANCELLED ||
    (code === Status.INTERNAL && details.startsWith('Received RST_STREAM with code'))
  );
}

/** How grpc-js tells that a stream was refused, depending on where it notices. */
const REFUSED = /^(Stream refused by server|Write (error: |failed with error ).*NGHTTP2_REFUSED_STREAM)$/;

/**
 * Whether a call came to a connection that its server was just closing: nothing was done for it (RFC 9113, 8.7), and nothing is
 * wrong with the server. Node reads nothing more of a connection once it has said that it will close it, so what is on its way
 * then ends like this. grpc-js sends such a call again, but only once. A server that passes on what befell a call of its own says
 * the same words, but in trailers of its own.
 *
 * @internal
 */
export function isRefusedUnread({ code, details, metadata }: StatusObject): boolean {
  return code === Status.UNAVAILABLE && REFUSED.test(details) && hasNoTrailers(metadata);
}

/**
 * Whether this side's own timer ended the call, and nothing came from the server. One that tells of a deadline itself, be it that of a
 * call of its own, does so in trailers.
 *
 * @internal
 */
export function isOwnDeadline({ code, details, metadata }: StatusObject): boolean {
  return (
    code === Status.DEADLINE_EXCEEDED &&
    details.startsWith('Deadline exceeded after ') &&
    hasNoTrailers(metadata)
  );
}

function hasNoTrailers(metadata: Metadata): boolean {
  return Object.keys(metadata.getMap()).length === 0;
}
