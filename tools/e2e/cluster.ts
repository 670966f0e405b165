import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { root } from '../local/paths.ts';
import { runCommand } from '../local/run-command.ts';

/** An object as the API server tells it; looked into field by field. */
// oxlint-disable-next-line typescript/no-explicit-any -- Kubernetes objects of many kinds
export type KubeObject = any;

/** As kubectl takes it. */
export function nameOf({ kind, metadata }: KubeObject): string {
  return `${kind}/${metadata.name}`;
}

/** A port of the cluster on this machine. */
export interface Forward {
  readonly url: string;
  close(): void;
}

/** kubectl and helm as one user, in one namespace. */
export class Cluster {
  readonly namespace: string;
  private readonly kubeconfig: string | undefined;

  /** @param kubeconfig whose file; without one, whom KUBECONFIG names. */
  constructor(namespace: string, kubeconfig?: string) {
    this.namespace = namespace;
    this.kubeconfig = kubeconfig;
  }

  /** @throws Error with what the command printed when it fails. */
  kubectl(...args: string[]): Promise<string> {
    return this.run('kubectl', ['--namespace', this.namespace, ...args]);
  }

  helm(...args: string[]): Promise<string> {
    return this.run('helm', ['--namespace', this.namespace, ...args]);
  }

  /** A script of tools/deploy, for the namespace. */
  script(name: string, ...args: string[]): Promise<string> {
    return this.run(join(root, 'tools/deploy', name), [this.namespace, ...args]);
  }

  /** `kubectl apply` of a text. */
  async apply(manifest: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const child = spawn('kubectl', ['--namespace', this.namespace, 'apply', '-f', '-'], {
        env: this.env(),
        stdio: ['pipe', 'ignore', 'pipe'],
      });
      let told = '';
      child.stderr.on('data', (chunk: Buffer) => (told += chunk.toString()));
      child.once('error', reject);
      child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`kubectl apply: ${told}`))));
      child.stdin.end(manifest);
    });
  }

  /** Waits until every pod of a workload is of its newest version, and ready. */
  async rolledOut(workload: KubeObject): Promise<void> {
    await this.kubectl('rollout', 'status', nameOf(workload), '--timeout=600s');
  }

  async items(kind: string, ...args: string[]): Promise<KubeObject[]> {
    return JSON.parse(await this.kubectl('get', kind, '-o', 'json', ...args)).items as KubeObject[];
  }

  async secret(name: string, key: string): Promise<string> {
    const { data } = JSON.parse(await this.kubectl('get', 'secret', name, '-o', 'json'));
    return Buffer.from(data[key] as string, 'base64').toString();
  }

  /** `kubectl port-forward`, on a free port of 127.0.0.1. */
  async forward(target: string, port: number): Promise<Forward> {
    const local = await freePort();
    const child = spawn(
      'kubectl',
      ['--namespace', this.namespace, 'port-forward', target, `${local}:${port}`],
      { env: this.env(), stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => reject(new Error(`port-forward to ${target} ended with ${code}`)));
      child.stdout.once('data', () => resolve());
    });
    return { url: `http://127.0.0.1:${local}`, close: () => void child.kill() };
  }

  private async run(command: string, args: string[]): Promise<string> {
    const { code, lines } = await runCommand(command, args, { env: this.env() });
    const told = lines.filter((line) => !line.includes('found symbolic link in path'));
    if (code !== 0) throw new Error(`${command} ${args.join(' ')}\n${told.slice(-30).join('\n')}`);
    return told.join('\n');
  }

  private env(): Record<string, string> {
    return {
      ...(process.env as Record<string, string>),
      ...(this.kubeconfig === undefined ? {} : { KUBECONFIG: this.kubeconfig }),
    };
  }
}

/** Asks until there is an answer. */
export async function eventually<T>(
  what: string,
  seconds: number,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  for (let last: unknown; ;) {
    try {
      const found = await ask();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) throw new Error(`${what}: not within ${seconds} s`, { cause: last });
    await pause(2000);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
