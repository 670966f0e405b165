/**
 * A failure that the person at the keyboard can fix: one sentence that says what is wrong, one that says what to do, and
 * sometimes the last lines of a log as evidence.
 */
export class StackError extends Error {
  readonly fix: string;
  readonly evidence: readonly string[];

  constructor(what: string, fix: string, o: { cause?: unknown; evidence?: readonly string[] } = {}) {
    super(what, o.cause === undefined ? undefined : { cause: o.cause });
    this.name = 'StackError';
    this.fix = fix;
    this.evidence = o.evidence ?? [];
  }
}

const noSpace = /ENOSPC|No space left on device|not enough space on the disk/i;

/** The error of a full disk, when that is what `error` or the log lines tell of. */
export function diskFull(error: unknown, lines: readonly string[] = []): StackError | undefined {
  if (error instanceof StackError && error.message.startsWith('The disk is full')) return error;
  const told = error instanceof Error ? [error.message, ...lines] : lines;
  if (!told.some((line) => noSpace.test(line))) return undefined;
  return new StackError('The disk is full.', 'Free at least 1 GB and run the command again.', {
    cause: error,
  });
}

/** What is printed for an error: its sentences for a known one, the whole of it for a defect of the tool. */
export function describeError(error: unknown): string {
  const known = error instanceof StackError ? error : diskFull(error);
  if (!known) return error instanceof Error ? (error.stack ?? error.message) : String(error);
  return [...known.evidence.map((line) => `  | ${line}`), `${known.message} ${known.fix}`].join('\n');
}
