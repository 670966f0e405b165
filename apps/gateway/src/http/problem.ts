import { STATUS_CODES } from 'node:http';
import { type ErrorKind, FlashmeshError } from '@flashmesh/core';
import { HttpException } from '@nestjs/common';

/** The body of every error answer: RFC 9457, with the stable `code` that programs look at. */
export interface Problem {
  /** A name of the kind of problem, derived from `code`. */
  readonly type: string;
  /** The phrase of the status. */
  readonly title: string;
  readonly status: number;
  /** Stable, e.g. `SOLD_OUT`. */
  readonly code: string;
  /** What went wrong, for a human; names the rule when an input broke one. */
  readonly detail: string;
  /** The input that broke a rule, in the caller's spelling. */
  readonly field?: string;
  /** The trace that tells what happened. */
  readonly traceId?: string;
}

/** A problem and what goes into the headers with it. */
export interface ProblemAnswer {
  readonly problem: Problem;
  readonly retryAfterMs?: number;
}

/** The largest body that is read, in bytes. */
export const MAX_BODY_BYTES = 64 * 1024;

const statuses: Record<ErrorKind, number> = {
  invalid_argument: 400,
  unauthenticated: 401,
  permission_denied: 403,
  not_found: 404,
  already_exists: 409,
  failed_precondition: 409,
  aborted: 409,
  resource_exhausted: 429,
  // Nobody reads it: the client is gone. The number is the one that nginx made known.
  cancelled: 499,
  internal: 500,
  unimplemented: 501,
  unavailable: 503,
  deadline_exceeded: 504,
};

/** Codes whose status says more than that of their kind. */
const statusOfCode: ReadonlyMap<string, number> = new Map([
  ['IDEMPOTENCY_KEY_REUSED', 422],
  ['CONFIGURATION_CHANGED', 412],
]);

/** What the HTTP server itself refuses, by its own codes and statuses. */
const refusals = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['BODY_TOO_LARGE', `the body must be at most ${MAX_BODY_BYTES} bytes`],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['UNSUPPORTED_MEDIA_TYPE', 'the content type must be application/json'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['MALFORMED_JSON', 'the body is not valid JSON: it is empty'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['MALFORMED_JSON', 'the body is not valid JSON'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['BODY_INCOMPLETE', 'the body is not as long as its header says'],
} as const;

const fieldOfCode: ReadonlyMap<string, string> = new Map([
  ['UNSUPPORTED_MEDIA_TYPE', 'Content-Type'],
  ['BODY_TOO_LARGE', 'body'],
  ['MALFORMED_JSON', 'body'],
]);

/** The answer to anything that was thrown. Nothing of an unknown error's text gets out. */
export function problemOf(error: unknown, traceId?: string): ProblemAnswer {
  if (error instanceof FlashmeshError) {
    const status = statusOfCode.get(error.code) ?? statuses[error.kind];
    // Within the mesh the key is a field of the message, here it is a header.
    const field = error.field === 'idempotencyKey' ? 'Idempotency-Key' : error.field;
    const detail = error.kind === 'internal' ? 'something went wrong on our side' : error.message;
    return {
      problem: problem(status, error.code, detail, field, traceId),
      retryAfterMs: retryAfter(error),
    };
  }
  const refused = refusalOf(error);
  if (refused) {
    const { status, code, detail } = refused;
    return { problem: problem(status, code, detail, fieldOfCode.get(code), traceId) };
  }
  return { problem: problem(500, 'INTERNAL', 'something went wrong on our side', undefined, traceId) };
}

function problem(
  status: number,
  code: string,
  detail: string,
  field: string | undefined,
  traceId: string | undefined,
): Problem {
  return {
    type: `urn:flashmesh:problem:${code.toLowerCase().replaceAll('_', '-')}`,
    title: STATUS_CODES[status] ?? 'Client Closed Request',
    status,
    code,
    detail,
    ...(field === undefined ? {} : { field }),
    ...(traceId === undefined ? {} : { traceId }),
  };
}

/** An overloaded or unready shop always says when to come back. */
function retryAfter({ kind, retryAfterMs }: FlashmeshError): number | undefined {
  return retryAfterMs ?? (kind === 'resource_exhausted' || kind === 'unavailable' ? 1000 : undefined);
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

/** What Fastify or Nest refused before a handler saw the request. */
function refusalOf(error: unknown): Refusal | undefined {
  // Nest wraps what the server refused, and keeps it as the cause.
  if (error instanceof HttpException) return refusalOf(error.cause) ?? refusalOfStatus(error.getStatus());
  if (!(error instanceof Error)) return undefined;
  const { statusCode, code } = error as Error & { statusCode?: unknown; code?: unknown };
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 599) return undefined;
  const known =
    typeof code === 'string' && code in refusals ? refusals[code as keyof typeof refusals] : undefined;
  if (known) return { status: statusCode, code: known[0], detail: known[1] };
  // The parser's own complaint about JSON has a status and no code.
  if (error instanceof SyntaxError) {
    return { status: 400, code: 'MALFORMED_JSON', detail: 'the body is not valid JSON' };
  }
  return refusalOfStatus(statusCode);
}

function refusalOfStatus(status: number): Refusal | undefined {
  if (status === 404) return { status, code: 'ROUTE_NOT_FOUND', detail: 'there is nothing at this address' };
  if (status < 400 || status >= 500) {
    return status === 503 ? { status, code: 'STOPPING', detail: 'this instance is stopping' } : undefined;
  }
  const phrase = STATUS_CODES[status] ?? 'Bad Request';
  return { status, code: phrase.toUpperCase().replaceAll(/[^A-Z]+/g, '_'), detail: phrase };
}
