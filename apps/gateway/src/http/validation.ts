import { errorOfIssues, invalidArgument } from '@flashmesh/core';
import { StandardSchemaValidationPipe } from '@nestjs/common';

/** Checks a parameter against the schema it is declared with, `@Body({ schema, pipes: [validation] })`. */
export const validation = new StandardSchemaValidationPipe({
  exceptionFactory: (issues) => errorOfIssues(issues),
});

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
