import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Another client's recipes, in a process of their own: `run.sh` in the folder starts it. */
export interface PeerKind {
  readonly name: 'kazoo' | 'Curator';
  readonly folder: string;
  /** Whether what it needs is installed here. */
  readonly available: boolean;
}

/** The usual client of ZooKeeper in Python. */
export const kazoo: PeerKind = {
  name: 'kazoo',
  folder: 'kazoo',
  available: succeeds('python3', '-c', 'import venv, ensurepip'),
};

/** The usual recipes in Java; the peer is compiled as it starts. */
export const curator: PeerKind = {
  name: 'Curator',
  folder: 'curator',
  available: succeeds('java', '--describe-module', 'jdk.compiler') && succeeds('mvn', '-v'),
};

interface Answer {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

/** A process that uses another client. What all can be asked is in `kazoo/peer.py`. */
export class Peer {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, PromiseWithResolvers<unknown>>();
  private readonly ended: Promise<unknown>;
  private asked = 0;

  constructor({ name, folder }: PeerKind, servers: string, sessionTimeoutMs: number) {
    const script = join(import.meta.dirname, folder, 'run.sh');
    this.child = spawn(script, [servers, String(sessionTimeoutMs / 1000)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const { id, answer, error } = JSON.parse(line) as Answer;
      const asked = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) asked?.resolve(answer);
      else asked?.reject(new Error(`${name}: ${error}`));
    });
    this.ended = once(this.child, 'close').then(() => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the process of ${name} has ended`));
    });
  }

  /** Resolves with the answer when it is done. @throws Error that the other client raised, or that the process has ended. */
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

function succeeds(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
