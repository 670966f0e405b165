import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** How a program ended. */
export interface Ended {
  readonly ok: boolean;
  readonly stdout: string;
  /** Both streams: what to show when it failed. */
  readonly output: string;
}

/** Runs a program to its end. One that is not installed is a failure that says so. */
export function run(file: string, args: readonly string[], cwd?: string): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(file, args, { cwd, maxBuffer: 256 * 1024 * 1024 }, (error, stdout, stderr) => {
      const missing = error?.code === 'ENOENT' ? `${file} is not installed\n` : '';
      resolve({ ok: error === null, stdout, output: `${missing}${stdout}${stderr}` });
    });
    // A program that was given no file reads its input: it shall find the end of it.
    child.stdin?.end();
  });
}

/** Runs the jobs, as many at once as there are processors, and answers in their order. */
export async function inParallel<T, R>(jobs: readonly T[], work: (job: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const queue = jobs.entries();
  const worker = async () => {
    for (const [index, job] of queue) results[index] = await work(job);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  return results;
}
