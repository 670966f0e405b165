import { FlashmeshError, invalidArgument } from '@flashmesh/core';
import { StandardSchemaValidationPipe } from '@nestjs/common';

/** What a schema says about one fault; zod's issues have `keys` where a field is not known. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[];
  readonly keys?: readonly string[];
}

/** The first fault, as the field and the rule that it broke. */
export function errorOfIssues(issues: readonly Issue[]): FlashmeshError {
  const [issue] = issues;
  const path = (issue?.path ?? []).map((step) => String(typeof step === 'object' ? step.key : step));
  const [unknown] = issue?.keys ?? [];
  if (unknown !== undefined) return invalidArgument([...path, unknown].join('.'), 'is not a known field');
  return invalidArgument(path.join('.') || 'body', issue?.message ?? 'is not valid');
}

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
