import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { isAlive, signalGroup, startTimeOf } from './process-identity.ts';
import { StackError } from './stack-error.ts';

interface Owner {
  readonly pid: number;
  readonly startTime: string;
  readonly since: string;
  /** The folder goes away with its run. */
  readonly temporary: boolean;
}

interface Child {
  readonly name: string;
  readonly pid: number;
  readonly startTime: string;
}

const lockName = 'lock.json';
const childrenName = 'children.jsonl';
/** A lock without readable content is being written just now, or its writer died while writing. */
const writingMs = 2000;

/**
 * The folder of one run: its data, a lock that names its owner, and a list of the processes that it started. A run that was
 * killed leaves all of them behind; {@link recoverRuns} of the next run ends its processes and frees its lock.
 */
export class RunFolder {
  readonly path: string;
  private readonly temporary: boolean;
  private closed = false;

  private constructor(path: string, temporary: boolean) {
    this.path = path;
    this.temporary = temporary;
  }

  /**
   * Takes the folder for this process.
   *
   * @throws StackError when another run that is alive has it.
   */
  static open(runs: string, name: string, o: { temporary: boolean; fresh: boolean }): RunFolder {
    const path = join(runs, name);
    mkdirSync(path, { recursive: true });
    const startTime = startTimeOf(process.pid) ?? '';
    const owner: Owner = {
      pid: process.pid,
      startTime,
      since: new Date().toISOString(),
      temporary: o.temporary,
    };
    try {
      writeFileSync(join(path, lockName), JSON.stringify(owner), { flag: 'wx' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const other = readOwner(path);
      throw new StackError(
        other === undefined
          ? `Another run is just starting in ${path}.`
          : `A stack is already running here (process ${other.pid}, since ${other.since}).`,
        other === undefined
          ? 'Wait for it, or run the command again.'
          : `Use it, or stop it with Ctrl-C in its terminal or with \`kill ${other.pid}\`.`,
      );
    }
    if (o.fresh) {
      for (const entry of readdirSync(path)) {
        if (entry !== lockName) rmSync(join(path, entry), { recursive: true, force: true });
      }
    }
    return new RunFolder(path, o.temporary);
  }

  /** Writes down a process that was started, so that a later run can find it. */
  record(name: string, pid: number): void {
    const startTime = startTimeOf(pid);
    if (startTime === undefined) return;
    appendFileSync(
      join(this.path, childrenName),
      `${JSON.stringify({ name, pid, startTime } satisfies Child)}\n`,
    );
  }

  /** Gives the folder up: removed when temporary, else only its lock. Everything that was started must have ended. */
  close(): void {
    // A second time the lock may be somebody else's.
    if (this.closed) return;
    this.closed = true;
    if (this.temporary) return rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
    rmSync(join(this.path, childrenName), { force: true });
    rmSync(join(this.path, lockName), { force: true });
  }
}

/**
 * Looks through all run folders for runs whose owner is dead: ends their processes, removes their folder when it was
 * temporary and their lock. A process is known by pid and start time together, never by its name.
 *
 * @returns a sentence for every run that was recovered.
 */
export async function recoverRuns(runs: string): Promise<string[]> {
  mkdirSync(runs, { recursive: true });
  const told: string[] = [];
  for (const name of readdirSync(runs)) {
    const path = join(runs, name);
    const owner = readOwner(path);
    if (owner ? isAlive(owner) : !isAbandoned(path)) continue;
    const leftovers = readChildren(path).filter(isAlive);
    await endAll(leftovers);
    if (!freeLock(path, owner)) continue;
    if (owner?.temporary) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    else rmSync(join(path, childrenName), { force: true });
    const ended =
      leftovers.length === 0 ? '' : `, and stopped what it left: ${leftovers.map((c) => c.name).join(', ')}`;
    told.push(`Recovered from a run that was killed (${basename(path)})${ended}.`);
  }
  return told;
}

async function endAll(children: readonly Child[]): Promise<void> {
  for (const { pid } of children.toReversed()) signalGroup(pid, 'SIGTERM');
  for (let i = 0; i < 50 && children.some(isAlive); i++) await pause(100);
  for (const child of children) if (isAlive(child)) signalGroup(child.pid, 'SIGKILL');
  for (let i = 0; i < 50 && children.some(isAlive); i++) await pause(20);
}

function readOwner(path: string): Owner | undefined {
  try {
    return JSON.parse(readFileSync(join(path, lockName), 'utf8')) as Owner;
  } catch {
    return undefined;
  }
}

/** A lock file that nobody has completed for a while. A folder without any lock is not in use: there is nothing to free. */
function isAbandoned(path: string): boolean {
  try {
    return Date.now() - statSync(join(path, lockName)).mtimeMs > writingMs;
  } catch {
    return false;
  }
}

/**
 * Takes the lock of the dead owner away. Of two runs that recover at the same time only one succeeds: renaming is atomic,
 * and a lock that turns out to be a living run's, taken in the meantime, is put back.
 */
function freeLock(path: string, dead: Owner | undefined): boolean {
  const mine = join(path, `stale-${process.pid}.json`);
  try {
    renameSync(join(path, lockName), mine);
    const owner = JSON.parse(readFileSync(mine, 'utf8') || 'null') as Owner | null;
    if (owner && owner.pid !== dead?.pid && isAlive(owner)) {
      renameSync(mine, join(path, lockName));
      return false;
    }
    unlinkSync(mine);
    return true;
  } catch {
    rmSync(mine, { force: true });
    return false;
  }
}

function readChildren(path: string): Child[] {
  try {
    const lines = readFileSync(join(path, childrenName), 'utf8').split('\n');
    return lines.flatMap((line) => parseChild(line) ?? []);
  } catch {
    return [];
  }
}

/** The last line may have been cut short by the death of its writer. */
function parseChild(line: string): Child | undefined {
  try {
    return JSON.parse(line) as Child;
  } catch {
    return undefined;
  }
}
