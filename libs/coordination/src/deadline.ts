import { type Clock, FlashmeshError } from '@flashmesh/core';

/** How long to wait, for recipes that wait. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** 0: tries once. @default waits for ever */
  readonly timeoutMs?: number;
}

/**
 * Runs what waits, with one signal for both reasons to stop.
 *
 * @throws FlashmeshError `deadline_exceeded` with the given code when the time is up; the reason of the caller's signal.
 */
export async function withDeadline<T>(
  clock: Clock,
  { signal, timeoutMs }: WaitOptions,
  code: string,
  what: string,
  run: (signal: AbortSignal | undefined) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return run(signal);
  const late = new AbortController();
  const timer = clock.after(timeoutMs, () => late.abort(tooLate(code, what, timeoutMs)));
  try {
    return await run(signal ? AbortSignal.any([signal, late.signal]) : late.signal);
  } finally {
    timer.cancel();
  }
}

export function tooLate(code: string, what: string, timeoutMs: number): FlashmeshError {
  return new FlashmeshError('deadline_exceeded', code, `${what} within ${timeoutMs} ms`);
}
