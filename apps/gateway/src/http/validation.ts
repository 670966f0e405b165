import { errorOfIssues, invalidArgument } from '@flashmesh/core';
import { StandardSchemaValidationPipe } from '@nestjs/common';

/** Checks a parameter against the schema it is declared with, `@Body({ schema, pipes: [validation] })`. */
export const validation = new StandardSchemaValidationPipe({
  exceptionFactory: (issues) => errorOfIssues(issues),
});

const ETAG = /^"(\d{1,10})"$/;

/**
 * The version that the caller's `If-Match` insists on; `undefined` without one, or for `*`.
 *
 * @throws FlashmeshError `invalid_argument` when it is malformed.
 */
export function versionToMatch(header: string | undefined): number | undefined {
  if (header === undefined || header === '*') return undefined;
  const [, version] = ETAG.exec(header) ?? [];
  if (version === undefined) throw invalidArgument('If-Match', 'must be one version in quotes, e.g. "3"');
  return Number(version);
}

const KEY = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * The caller's `Idempotency-Key`.
 *
 * @throws FlashmeshError `invalid_argument` when it is missing or malformed.
 */
export function idempotencyKey(header: string | undefined): string {
  if (header === undefined || !KEY.test(header)) {
    throw invalidArgument('Idempotency-Key', 'must be a header of 1 to 128 characters of [A-Za-z0-9._:-]');
  }
  return header;
}
