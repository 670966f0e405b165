import { type Clock, FlashmeshError } from '@flashmesh/core';

/** How long to wait, for recipes that wait. */
export interface WaitOptions {
  readonly signal?: AbortSignal;
  /** 0: tries once, which takes as long as it takes. @default waits for ever */
  readonly timeoutMs?: number;
}

/**
 * Runs what waits, with one signal for both reasons to stop.
 *
 * @param run is told not to wait when it has one try. `undefined`: it was of no use.
 * @throws FlashmeshError `deadline_exceeded` with the given code when the time is up, or the one try was of no use; the reason of the
 *   caller's signal.
 */
export async function withDeadline<T>(
  clock: Clock,
  { signal, timeoutMs }: WaitOptions,
  code: string,
  what: string,
  run: (signal: AbortSignal | undefined, wait: boolean) => Promise<T | undefined>,
): Promise<T> {
  const late = new AbortController();
  const timer = timeoutMs
    ? clock.after(timeoutMs, () => late.abort(tooLate(code, what, timeoutMs)))
    : undefined;
  const either = timer ? AbortSignal.any([late.signal, ...(signal ? [signal] : [])]) : signal;
  try {
    const result = await run(either, timeoutMs !== 0);
    if (result === undefined) throw tooLate(code, what, timeoutMs ?? 0);
    return result;
  } finally {
    timer?.cancel();
  }
}

export function tooLate(code: string, what: string, timeoutMs: number): FlashmeshError {
  return new FlashmeshError('deadline_exceeded', code, `${what} within ${timeoutMs} ms`);
}
