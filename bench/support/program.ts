import { toTerminal as print } from '../../tools/local/progress.ts';
import { runCommand } from '../../tools/local/run-command.ts';
import { describeError, StackError } from '../../tools/local/stack-error.ts';
import { StopSignals } from '../../tools/local/stop-signals.ts';

/** For one process; far more than it needs. */
const PATIENCE_MS = 10 * 60_000;

/** Runs a bench until it is done or the terminal says stop; a failure is told, and is the exit code 1. */
export async function runBench(main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const signals = new StopSignals(print);
  try {
    await main(signals.signal);
  } catch (error) {
    print(describeError(error));
    process.exitCode = 1;
  } finally {
    signals.release();
  }
}

/**
 * Runs a program and reads the JSON on its last line.
 *
 * @param what its name in errors.
 * @throws StackError when it fails, or takes longer than ten minutes.
 */
export async function jsonOf<T>(
  what: string,
  [command, ...args]: readonly [string, ...string[]],
  o: { readonly signal: AbortSignal; readonly cwd?: string },
): Promise<T> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const { code, lines } = await runCommand(command, args, {
    signal: AbortSignal.any([o.signal, patience]),
    inherit: 'stderr',
    cwd: o.cwd,
  }).catch((error: unknown) => {
    if (o.signal.aborted || !patience.aborted) throw error;
    throw new StackError(`${what} took longer than ${PATIENCE_MS / 1000} s.`, 'It was ended.', {
      cause: error,
    });
  });
  if (code !== 0) {
    throw new StackError(`${what} ended with code ${code}.`, 'What it said is above.', { evidence: lines });
  }
  return JSON.parse(lines.at(-1) ?? '') as T;
}
