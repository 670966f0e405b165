/**
 * What kind of failure it is: decides how the edges answer (gRPC status, HTTP status) and whether a caller may try again.
 * The names are those of gRPC's canonical codes.
 */
export const ERROR_KINDS = [
  'cancelled',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'unimplemented',
  'internal',
  'unavailable',
  'unauthenticated',
] as const;

/** @see ERROR_KINDS */
export type ErrorKind = (typeof ERROR_KINDS)[number];

/** What an error may carry beside its text. */
export interface ErrorOptions {
  /** The error that led to this one; kept for logs, never sent to a caller. */
  readonly cause?: unknown;
  /** The input field that broke a rule, in the caller's spelling, e.g. `quantity`. */
  readonly field?: string;
  /** How long the caller should wait before it tries again, in milliseconds. */
  readonly retryAfterMs?: number;
}

/**
 * The base of every error that this project throws on purpose.
 *
 * `code` is stable and meant for programs (`SALE_NOT_OPEN`); `message` is safe to show to the caller; `cause` is for logs.
 * Mapping to gRPC status or HTTP problem+json happens only at the edges.
 */
export class FlashmeshError extends Error {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(kind: ErrorKind, code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.kind = kind;
    this.code = code;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** An input broke a rule: names the field and the rule. Nothing was changed. */
export function invalidArgument(field: string, rule: string): FlashmeshError {
  return new FlashmeshError('invalid_argument', 'INVALID_ARGUMENT', `${field} ${rule}`, { field });
}

/** Nothing is known about the effect; the caller may try again after `retryAfterMs`. */
export function unavailable(code: string, message: string, options: ErrorOptions = {}): FlashmeshError {
  return new FlashmeshError('unavailable', code, message, { retryAfterMs: 500, ...options });
}

/** For the `default` of a switch over a discriminated union: fails to compile when a case is missing. */
export function assertNever(value: never, what = 'value'): never {
  throw new TypeError(`unexpected ${what}: ${JSON.stringify(value)}`);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
