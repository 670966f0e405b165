import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { residentBytes, signalGroup } from './process-identity.ts';
import { diskFull, StackError } from './stack-error.ts';

/** How to start a process and when it counts as ready. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Everything that it prints is appended to this file. */
  readonly logFile?: string;
  /** Asks the process itself whether it is ready; rejects while it is not. Without it, ready when spawned. */
  readonly ready?: () => Promise<unknown>;
  /** Scheduling priority as of `nice`: a higher one yields to the others. @default 0 */
  readonly niceness?: number;
  /** @default 60_000 */
  readonly readyTimeoutMs?: number;
  /** Patience after SIGTERM before SIGKILL. @default 10_000 */
  readonly stopTimeoutMs?: number;
}

/** What the owner of processes wants to hear. */
export interface ProcessListener {
  /** A process was spawned. Called before anything else happens to it. */
  spawned?(name: string, pid: number): void;
  /** It answered that it is ready, this long after it was spawned. */
  ready?(name: string, afterMs: number): void;
  /** A line on standard output or error. */
  line?(name: string, line: string): void;
  /** It ended although nobody asked it to. */
  died?(process: ManagedProcess): void;
}

const rememberedLines = 40;
const askAgainMs = 50;

/**
 * A child process in a group of its own, so that a Ctrl-C in the terminal reaches only the tool, and a stop reaches whatever
 * the child has started. Restartable: `start` after an end spawns it anew with the same spec.
 */
export class ManagedProcess {
  readonly spec: ProcessSpec;
  private readonly listener: ProcessListener;
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  private expected = false;
  private lastLines: string[] = [];
  private ended: string | undefined;
  private readied = false;

  constructor(spec: ProcessSpec, listener: ProcessListener = {}) {
    this.spec = spec;
    this.listener = listener;
  }

  get name(): string {
    return this.spec.name;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  get running(): boolean {
    return this.child !== undefined;
  }

  /** Whether its present or last run has been ready. */
  get wasReady(): boolean {
    return this.readied;
  }

  /** The last lines that it printed. */
  get tail(): readonly string[] {
    return this.lastLines;
  }

  /** How the last run ended, e.g. `ended with code 1`. */
  get end(): string | undefined {
    return this.ended;
  }

  /** Resident memory in bytes; 0 when it does not run. */
  get residentBytes(): number {
    return (this.pid !== undefined && residentBytes(this.pid)) || 0;
  }

  /** Spawns; does not wait until it is ready. */
  spawn(): void {
    if (this.child) throw new Error(`${this.name} runs already`);
    const { command, args, env, cwd, logFile } = this.spec;
    this.expected = false;
    this.ended = undefined;
    this.lastLines = [];
    this.readied = false;
    const child = spawn(command, args, {
      detached: true,
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    if (child.pid !== undefined) {
      this.listener.spawned?.(this.name, child.pid);
      yieldToOthers(child.pid, this.spec.niceness);
    }
    const log = logFile === undefined ? undefined : createWriteStream(logFile, { flags: 'a' });
    // A log that cannot be written (a full disk) must not take the stack down; the lines are in memory, too.
    log?.on('error', (error) => this.remember(messageOfLog(error)));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => this.onLine(line, log));
    }
    this.exited = new Promise((resolve) => {
      let settled = false;
      const finish = (how: string) => {
        if (settled) return;
        settled = true;
        this.child = undefined;
        this.ended = how;
        log?.end();
        resolve();
        if (!this.expected) this.listener.died?.(this);
      };
      child.once('error', (error) => finish(`could not be started (${error.message})`));
      // `close` follows the end of the output; `exit` alone would cut off the last lines.
      child.once('close', (code, signal) =>
        finish(signal === null ? `ended with code ${code}` : `was ended by ${signal}`),
      );
    });
  }

  /**
   * Spawns and waits until `spec.ready` resolves.
   *
   * @throws StackError with the last lines of its log when it ends first or is not ready in time. It is stopped then.
   */
  async start(signal?: AbortSignal): Promise<void> {
    this.spawn();
    const { ready, readyTimeoutMs = 60_000 } = this.spec;
    if (!ready) return;
    const spawnedAt = performance.now();
    const deadline = spawnedAt + readyTimeoutMs;
    let lastAnswer: unknown;
    while (this.running && performance.now() < deadline) {
      signal?.throwIfAborted();
      try {
        await Promise.race([ready(), this.exited.then(() => Promise.reject(new Error('ended')))]);
        this.readied = true;
        this.listener.ready?.(this.name, performance.now() - spawnedAt);
        return;
      } catch (error) {
        lastAnswer = error;
      }
      await Promise.race([pause(askAgainMs), this.exited]);
    }
    signal?.throwIfAborted();
    const failure = this.failure(lastAnswer, readyTimeoutMs);
    await this.stop();
    throw failure;
  }

  /** The error that tells how it ended or why it is not ready, with the evidence. */
  failure(cause?: unknown, waitedMs = 0): StackError {
    const full = diskFull(cause, this.lastLines);
    if (full) return full;
    const what = this.ended ?? `was not ready within ${Math.round(waitedMs / 1000)} s`;
    const where = this.spec.logFile === undefined ? '' : ` The whole log: ${this.spec.logFile}.`;
    const evidence = this.lastLines.slice(-12).map((line) => `${this.name}: ${line}`);
    return new StackError(`${this.name} ${what}.`, `Its last lines are above.${where}`, { cause, evidence });
  }

  /** SIGTERM to its group, SIGKILL when it has not ended in time. Resolves when it is gone; safe to call twice. */
  async stop(): Promise<void> {
    const { pid } = this;
    this.expected = true;
    if (pid === undefined) return this.exited;
    signalGroup(pid, 'SIGTERM');
    // A frozen one would not hear it.
    signalGroup(pid, 'SIGCONT');
    const patience = setTimeout(() => signalGroup(pid, 'SIGKILL'), this.spec.stopTimeoutMs ?? 10_000);
    await this.exited;
    clearTimeout(patience);
    // Whatever it left behind in its group.
    signalGroup(pid, 'SIGKILL');
  }

  /**
   * Sends a signal to its group, as a fault would. SIGKILL ends it at once and resolves when it is gone; SIGSTOP freezes it
   * until SIGCONT.
   */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const ends = signal !== 'SIGSTOP' && signal !== 'SIGCONT';
    if (ends) this.expected = true;
    if (this.pid !== undefined) signalGroup(this.pid, signal);
    if (ends) await this.exited;
  }

  private onLine(line: string, log: WriteStream | undefined): void {
    this.remember(line);
    if (log?.writable) log.write(`${line}\n`);
    this.listener.line?.(this.name, line);
  }

  private remember(line: string): void {
    this.lastLines.push(line);
    if (this.lastLines.length > rememberedLines) this.lastLines.shift();
  }
}

function messageOfLog(error: Error): string {
  return `(the log cannot be written: ${error.message})`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function yieldToOthers(pid: number, niceness: number | undefined): void {
  if (niceness === undefined) return;
  try {
    setPriority(pid, niceness);
  } catch (error) {
    // A process that has ended already is reported as such by its exit.
    if ((error as { info?: { code?: string } }).info?.code !== 'ESRCH') throw error;
  }
}
