import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { programPath } from './bundle.ts';
import type { Programs } from './install.ts';
import { Server } from './server.ts';

export const SESSION_TIMEOUT_MS = 6000;
/** Five session timeouts. */
export const GIVE_UP_MS = 30_000;
/** Clients ping on their own time: the failure comes somewhere in between. */
const MAX_IDLE_MS = 2000;

export type Failure = 'SIGSTOP' | 'SIGKILL';

/**
 * How long each client took to say that its server had failed, milliseconds, `undefined` when it did not within {@link GIVE_UP_MS}.
 * All are connected to one server, each from a process of its own.
 */
export async function noticed(
  names: readonly string[],
  failure: Failure,
  programs: Programs,
  signal: AbortSignal,
): Promise<(number | undefined)[]> {
  const server = await Server.start(programs, signal);
  const watchers = names.map((name) => new Watcher(name, server.address));
  try {
    await Promise.all(watchers.map(({ connected }) => connected));
    await sleep(Math.random() * MAX_IDLE_MS, undefined, { signal });
    const failedAt = Date.now();
    await server.fail(failure);
    const times = watchers.map((watcher) =>
      Promise.race([watcher.lostAt, sleep(GIVE_UP_MS, undefined, { signal, ref: false })]),
    );
    return (await Promise.all(times)).map((at) => at && at - failedAt);
  } finally {
    for (const watcher of watchers) watcher.stop();
    await server.stop();
  }
}

/** A process with one client that waits for its server to fail. */
class Watcher {
  readonly connected: Promise<unknown>;
  /** Wall clock, milliseconds. */
  readonly lostAt: Promise<number>;
  private readonly stopProcess: () => void;

  constructor(name: string, servers: string) {
    const child = spawn(
      process.execPath,
      [programPath('notice'), name, servers, String(SESSION_TIMEOUT_MS)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.stopProcess = () => void child.kill('SIGKILL');
    const [connected, lost] = [Promise.withResolvers<void>(), Promise.withResolvers<number>()];
    this.connected = connected.promise;
    this.lostAt = lost.promise;
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'connected') connected.resolve();
      else lost.resolve(Number(line));
    });
    for (const event of ['error', 'close'] as const) {
      child.once(event, () => {
        // A crash is no answer.
        const error = new Error(`the process of ${name} ended`);
        connected.reject(error);
        lost.reject(error);
      });
    }
    // It may come when nobody waits for it any more.
    this.lostAt.catch(() => undefined);
  }

  stop(): void {
    this.stopProcess();
  }
}
