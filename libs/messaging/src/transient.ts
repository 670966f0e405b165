import { FlashmeshError, type ErrorKind } from '@flashmesh/core';

const TRANSIENT_KINDS: ReadonlySet<ErrorKind> = new Set([
  'unavailable',
  'aborted',
  'deadline_exceeded',
  'resource_exhausted',
]);
const TRANSIENT_NAMES = new Set(['MaxRetriesPerRequestError', 'ConnectionClosedError']);
const TRANSIENT_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'EHOSTUNREACH',
  'ENOTFOUND',
]);
/** What Redis answers, or ioredis says, while a server starts, fails over or is gone. */
const TRANSIENT_REDIS =
  /^(LOADING|READONLY|BUSY|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|OOM|NOREPLICAS)\b|^Connection is closed|^Command timed out|^Stream isn't writeable/;

/** Whether the same call may succeed later without anybody changing it: the other side is away, slow or overloaded. */
export function isTransient(error: unknown): boolean {
  if (error instanceof FlashmeshError) return TRANSIENT_KINDS.has(error.kind);
  if (!(error instanceof Error)) return false;
  const { code, retriable } = error as Error & { code?: unknown; retriable?: unknown };
  return (
    retriable === true ||
    TRANSIENT_NAMES.has(error.name) ||
    (typeof code === 'string' && TRANSIENT_CODES.has(code)) ||
    TRANSIENT_REDIS.test(error.message)
  );
}
