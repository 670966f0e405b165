import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../../..');
/** What it printed last is shown when it ends by itself. */
const REMEMBERED_CHARACTERS = 4000;

/** A replica that runs as a process of its own. */
export class ReplicaProcess {
  readonly id: string;
  private readonly child: ChildProcess;
  private printed = '';

  /** @param program a file in this folder. @param env beside what this process has. */
  constructor(program: string, id: string, env: Readonly<Record<string, string>>) {
    this.id = id;
    const args = [
      '--import',
      join(root, 'test/support/run-typescript.mjs'),
      join(import.meta.dirname, program),
    ];
    this.child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        this.printed = (this.printed + bytes.toString()).slice(-REMEMBERED_CHARACTERS);
      });
    }
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** @throws Error with what it printed, when it has ended. */
  requireRunning(): void {
    if (!this.running) throw new Error(`${this.id} ended with ${this.child.exitCode}:\n${this.printed}`);
  }

  /** Sends a signal. Resolves when it is gone. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.running) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    await gone;
  }
}
