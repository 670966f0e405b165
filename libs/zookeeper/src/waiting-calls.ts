import type { Clock } from '@flashmesh/core';
import type { Call } from './call.ts';
import { ZooKeeperError } from './errors.ts';

/** Requests made while there is no connection, in order; none waits longer than it was told to. */
export class WaitingCalls {
  private readonly calls = new Set<Call>();
  private readonly clock: Clock;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** The call fails with `ZK_CONNECTION_LOSS` when it is not taken within `maxWaitMs`. */
  add(call: Call, maxWaitMs: number): void {
    this.calls.add(call);
    const timer = this.clock.after(maxWaitMs, () => {
      // One that was taken meanwhile waits for its reply, not for a server.
      if (this.calls.has(call)) {
        call.fail(
          new ZooKeeperError('ZK_CONNECTION_LOSS', 'no server could be reached', { path: call.path }),
        );
      }
    });
    const release = () => {
      timer.cancel();
      this.calls.delete(call);
    };
    call.promise.then(release, release);
  }

  /** Takes out all that still have somebody who waits for them. */
  take(): Call[] {
    const calls = [...this.calls].filter((call) => !call.done);
    this.calls.clear();
    return calls;
  }

  fail(error: ZooKeeperError): void {
    for (const call of this.take()) call.fail(error);
  }
}
