import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { signalGroup } from './process-identity.ts';

/** How a command ended and what it printed, standard output and error together. */
export interface CommandResult {
  readonly code: number;
  readonly lines: readonly string[];
}

/**
 * Runs a command to its end in a group of its own, which an abort of the signal kills as a whole.
 *
 * @throws the error of spawn (`ENOENT` when there is no such command), or the signal's reason.
 */
export async function runCommand(
  command: string,
  args: readonly string[],
  o: {
    cwd?: string;
    env?: Readonly<Record<string, string>>;
    signal?: AbortSignal;
    onLine?: (line: string) => void;
    /** Standard error goes straight to the terminal instead of into `lines`. */
    inherit?: 'stderr';
    onSpawn?: (pid: number) => void;
  } = {},
): Promise<CommandResult> {
  o.signal?.throwIfAborted();
  const child = spawn(command, args, {
    detached: true,
    cwd: o.cwd,
    env: { ...process.env, ...o.env },
    stdio: ['ignore', 'pipe', o.inherit ? 'inherit' : 'pipe'],
  });
  if (child.pid !== undefined) o.onSpawn?.(child.pid);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream, crlfDelay: Infinity }).on('line', (line) => {
      lines.push(line);
      o.onLine?.(line);
    });
  }
  const kill = () => void (child.pid !== undefined && signalGroup(child.pid, 'SIGKILL'));
  o.signal?.addEventListener('abort', kill, { once: true });
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
    });
    o.signal?.throwIfAborted();
    return { code, lines };
  } finally {
    o.signal?.removeEventListener('abort', kill);
  }
}
