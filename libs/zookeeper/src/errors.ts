import { FlashmeshError, type ErrorKind, type ErrorOptions } from '@flashmesh/core';

interface ErrorRow {
  /** The code on the wire (`KeeperException.Code`); absent for errors that only this client makes. */
  readonly wire?: number;
  readonly kind: ErrorKind;
  readonly text: string;
}

const rows = {
  ZK_SYSTEM_ERROR: { wire: -1, kind: 'internal', text: 'system error' },
  ZK_RUNTIME_INCONSISTENCY: { wire: -2, kind: 'internal', text: 'runtime inconsistency' },
  ZK_DATA_INCONSISTENCY: { wire: -3, kind: 'internal', text: 'data inconsistency' },
  ZK_CONNECTION_LOSS: { wire: -4, kind: 'unavailable', text: 'connection lost' },
  ZK_MARSHALLING_ERROR: { wire: -5, kind: 'internal', text: 'marshalling error' },
  ZK_UNIMPLEMENTED: { wire: -6, kind: 'unimplemented', text: 'not implemented by the server' },
  ZK_OPERATION_TIMEOUT: { wire: -7, kind: 'deadline_exceeded', text: 'operation timed out' },
  ZK_BAD_ARGUMENTS: { wire: -8, kind: 'invalid_argument', text: 'bad arguments' },
  ZK_UNKNOWN_SESSION: { wire: -12, kind: 'unavailable', text: 'unknown session' },
  ZK_NEW_CONFIG_NO_QUORUM: { wire: -13, kind: 'unavailable', text: 'no quorum of the new configuration' },
  ZK_RECONFIG_IN_PROGRESS: { wire: -14, kind: 'aborted', text: 'another reconfiguration is in progress' },
  ZK_API_ERROR: { wire: -100, kind: 'internal', text: 'API error' },
  ZK_NO_NODE: { wire: -101, kind: 'not_found', text: 'no such node' },
  ZK_NO_AUTH: { wire: -102, kind: 'permission_denied', text: 'not permitted' },
  ZK_BAD_VERSION: { wire: -103, kind: 'aborted', text: 'another version' },
  ZK_NO_CHILDREN_FOR_EPHEMERALS: {
    wire: -108,
    kind: 'failed_precondition',
    text: 'an ephemeral node cannot have children',
  },
  ZK_NODE_EXISTS: { wire: -110, kind: 'already_exists', text: 'the node exists' },
  ZK_NOT_EMPTY: { wire: -111, kind: 'failed_precondition', text: 'the node has children' },
  ZK_SESSION_EXPIRED: { wire: -112, kind: 'unavailable', text: 'the session expired' },
  ZK_INVALID_CALLBACK: { wire: -113, kind: 'internal', text: 'invalid callback' },
  ZK_INVALID_ACL: { wire: -114, kind: 'invalid_argument', text: 'invalid ACL' },
  ZK_AUTH_FAILED: { wire: -115, kind: 'unauthenticated', text: 'authentication failed' },
  ZK_CLOSING: { wire: -116, kind: 'unavailable', text: 'the server is closing the session' },
  ZK_NOTHING: { wire: -117, kind: 'internal', text: 'no answer was due' },
  ZK_SESSION_MOVED: { wire: -118, kind: 'unavailable', text: 'the session moved to another server' },
  ZK_NOT_READ_ONLY: { wire: -119, kind: 'unavailable', text: 'a write on a read-only server' },
  ZK_EPHEMERAL_ON_LOCAL_SESSION: {
    wire: -120,
    kind: 'failed_precondition',
    text: 'an ephemeral node on a local session',
  },
  ZK_NO_WATCHER: { wire: -121, kind: 'not_found', text: 'no such watcher' },
  ZK_REQUEST_TIMEOUT: { wire: -122, kind: 'deadline_exceeded', text: 'the server timed the request out' },
  ZK_RECONFIG_DISABLED: { wire: -123, kind: 'failed_precondition', text: 'reconfiguration is disabled' },
  ZK_SASL_REQUIRED: { wire: -124, kind: 'unauthenticated', text: 'the server requires authentication' },
  ZK_QUOTA_EXCEEDED: { wire: -125, kind: 'resource_exhausted', text: 'quota exceeded' },
  ZK_THROTTLED: { wire: -127, kind: 'resource_exhausted', text: 'throttled by the server' },
  ZK_FRAME_TOO_LARGE: { kind: 'resource_exhausted', text: 'frame too large' },
  ZK_CLOSED: { kind: 'cancelled', text: 'the client is closed' },
} as const satisfies Record<string, ErrorRow>;

/** The stable code of every error that ZooKeeper or this client makes. */
export type ZooKeeperErrorCode = keyof typeof rows;

const codesByWire = new Map<number, ZooKeeperErrorCode>(
  Object.entries(rows).flatMap(([code, row]) =>
    'wire' in row ? [[row.wire, code as ZooKeeperErrorCode] as const] : [],
  ),
);

/**
 * A ZooKeeper operation failed.
 *
 * After `ZK_CONNECTION_LOSS` the effect of a write is unknown: it may have been applied. The caller decides whether to look,
 * to repeat or to give up; the client never repeats by itself.
 */
export class ZooKeeperError extends FlashmeshError {
  declare readonly code: ZooKeeperErrorCode;
  /** The node that the operation was about, where there was one. */
  readonly path: string | undefined;

  constructor(
    code: ZooKeeperErrorCode,
    detail?: string,
    options: Pick<ErrorOptions, 'cause'> & { path?: string } = {},
  ) {
    const row = rows[code];
    const text = detail === undefined ? row.text : `${row.text}: ${detail}`;
    super(row.kind, code, options.path === undefined ? text : `${text} (${options.path})`, options);
    this.path = options.path;
  }
}

/** The error of a reply header's code; a code of a newer server becomes `ZK_SYSTEM_ERROR` with its number. */
export function errorOfWire(wire: number, path?: string): ZooKeeperError {
  const code = codesByWire.get(wire);
  return code
    ? new ZooKeeperError(code, undefined, { path })
    : new ZooKeeperError('ZK_SYSTEM_ERROR', `unknown code ${wire}`, { path });
}

/** Whether `error` is a {@link ZooKeeperError} with one of the codes. */
export function isZooKeeperError(error: unknown, ...codes: ZooKeeperErrorCode[]): error is ZooKeeperError {
  return error instanceof ZooKeeperError && (codes.length === 0 || codes.includes(error.code));
}
