import { FlashmeshError, invalidArgument } from './errors.ts';

/** What a schema says about one fault; zod's issues have `keys` where a field is not known. */
export interface Issue {
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
