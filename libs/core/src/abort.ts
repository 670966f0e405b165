import type { Clock } from './clock.ts';
import { systemClock } from './clock.ts';
import { FlashmeshError } from './errors.ts';

/** The error behind an aborted signal: its reason when that is one of ours, else `cancelled` with the reason as cause. */
export function abortError(signal: AbortSignal): FlashmeshError {
  if (signal.reason instanceof FlashmeshError) return signal.reason;
  return new FlashmeshError('cancelled', 'CANCELLED', 'the caller gave up', { cause: signal.reason });
}

/** Throws {@link abortError} when the signal is aborted. */
export function throwIfAborted(signal?: AbortSignal): void {
  if (signal?.aborted) throw abortError(signal);
}

/** Waits `ms`; rejects with {@link abortError} as soon as the signal aborts. Leaves no timer and no listener behind. */
export function sleep(ms: number, signal?: AbortSignal, clock: Clock = systemClock): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortError(signal));
    const onAbort = () => {
      timer.cancel();
      reject(abortError(signal as AbortSignal));
    };
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * Waits for `promise`, at most `timeoutMs` and until the signal aborts. The promise itself goes on: give its owner a signal
 * where it can be stopped.
 *
 * @throws FlashmeshError `deadline_exceeded` (`DEADLINE_EXCEEDED`) naming `what`, or {@link abortError}.
 */
export function within<T>(
  promise: Promise<T>,
  timeoutMs: number,
  what: string,
  signal?: AbortSignal,
  clock: Clock = systemClock,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => finish(() => reject(abortError(signal as AbortSignal)));
    const timer = clock.after(timeoutMs, () =>
      finish(() =>
        reject(
          new FlashmeshError(
            'deadline_exceeded',
            'DEADLINE_EXCEEDED',
            `${what} took longer than ${timeoutMs} ms`,
          ),
        ),
      ),
    );
    const finish = (settle: () => void) => {
      timer.cancel();
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    if (signal?.aborted) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(error)),
    );
  });
}
