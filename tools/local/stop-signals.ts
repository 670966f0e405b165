import type { Print } from './progress.ts';
import { StackError } from './stack-error.ts';

const watched: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** npm and the terminal both deliver the same Ctrl-C. */
const sameKeypressMs = 1000;
const parentCheckMs = 1000;

/** Why things were stopped when nothing was wrong. */
class Interrupted extends StackError {}

/**
 * Turns Ctrl-C, SIGTERM, SIGHUP, an uncaught exception and the death of the process that started us into one orderly stop:
 * `signal` aborts whatever is under way and `stopped` resolves. A second Ctrl-C does not wait.
 */
export class StopSignals {
  readonly stopped: Promise<void>;
  /** What went wrong, when the stop has such a cause. */
  error: Error | undefined;
  private readonly controller = new AbortController();
  private readonly print: Print;
  private readonly resolveStopped: () => void;
  private readonly parentWatch: NodeJS.Timeout;
  private stoppedAt: number | undefined;
  private abandon: () => void = () => undefined;

  constructor(print: Print) {
    this.print = print;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.stopped = promise;
    this.resolveStopped = resolve;
    for (const name of watched) process.on(name, this.onSignal);
    process.on('uncaughtException', this.onUncaught);
    const parent = process.ppid;
    this.parentWatch = setInterval(() => {
      if (process.ppid !== parent) this.stop();
    }, parentCheckMs).unref();
    // Output to a terminal or a pipe that is gone must not keep us from stopping.
    process.stdout.on('error', () => this.stop());
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Begins the stop. @param error when something went wrong. */
  stop(error?: Error): void {
    if (this.stoppedAt !== undefined) return;
    this.stoppedAt = performance.now();
    this.error = error;
    this.controller.abort(error ?? new Interrupted('Interrupted.', 'Everything was stopped.'));
    this.resolveStopped();
  }

  /** What to do on a second Ctrl-C, at once and without waiting. */
  onImpatience(abandon: () => void): void {
    this.abandon = abandon;
  }

  release(): void {
    clearInterval(this.parentWatch);
    process.off('uncaughtException', this.onUncaught);
  }

  private readonly onSignal = (): void => {
    if (this.stoppedAt === undefined) {
      this.print('\nStopping...');
      return this.stop();
    }
    if (performance.now() - this.stoppedAt < sameKeypressMs) return;
    this.print('Stopping at once.');
    this.abandon();
    process.exit(130);
  };

  private readonly onUncaught = (error: Error): void => {
    // The second one comes from the stop itself: nothing orderly is left to try.
    if (this.stoppedAt !== undefined) {
      this.print(error.stack ?? error.message);
      this.abandon();
      process.exit(1);
    }
    this.stop(error);
  };
}
