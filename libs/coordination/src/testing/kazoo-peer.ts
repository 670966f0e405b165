import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Whether there is a Python that can make a virtual environment. */
export const hasPython = spawnSync('python3', ['-c', 'import venv, ensurepip']).status === 0;

interface Answer {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** A process that uses kazoo, the usual client of ZooKeeper in Python. What it can be asked is in `kazoo/peer.py`. */
export class KazooPeer {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, PromiseWithResolvers<unknown>>();
  private readonly ended: Promise<unknown>;
  private asked = 0;

  constructor(servers: string, sessionTimeoutMs: number) {
    const script = join(import.meta.dirname, 'kazoo/run.sh');
    this.child = spawn(script, [servers, String(sessionTimeoutMs / 1000)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const { id, answer, error } = JSON.parse(line) as Answer;
      const asked = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) asked?.resolve(answer);
      else asked?.reject(new Error(`kazoo: ${error}`));
    });
    this.ended = once(this.child, 'close').then(() => {
      for (const { reject } of this.waiting.values()) reject(new Error('the kazoo process has ended'));
    });
  }

  /** Resolves with the answer when it is done. @throws Error that kazoo raised, or that the process has ended. */
  ask<T = unknown>(action: string, parameters: Readonly<Record<string, unknown>>): Promise<T> {
    const id = ++this.asked;
    const answer = Promise.withResolvers<unknown>();
    this.waiting.set(id, answer);
    this.child.stdin?.write(`${JSON.stringify({ id, do: action, ...parameters })}\n`);
    return answer.promise as Promise<T>;
  }

  /** Ends it as a crash would: its session stays until the server lets it expire. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** Lets it end its session. */
  async close(): Promise<void> {
    this.child.stdin?.end();
    await this.ended;
  }
}
