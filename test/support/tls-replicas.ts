import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CertificateFolder, TestAuthority } from '@flashmesh/rpc/testing';
import { PortPicker } from '../../tools/local/ports.ts';
import { until } from './shop.ts';

const apps = join(import.meta.dirname, '../../dist/apps');
const identity = 'spiffe://cluster.local/ns/shop/sa/flashmesh-{service}';
const READY_TIMEOUT_MS = 110_000;
/** A replica drains for five seconds at most. */
const STOP_TIMEOUT_MS = 15_000;

interface Replica {
  readonly process: ChildProcess;
  readonly port: number;
  readonly healthPort: number;
  readonly lines: string[];
}

/**
 * Replicas of the shop's services under mutual TLS, beside those of the stack, which talk plain text. Neither can talk to the other:
 * these are a mesh of their own over the same data. They are started in the test's own process group, so that they end with it.
 */
export class TlsReplicas {
  private readonly authority = new TestAuthority();
  private readonly folders = new Map<string, CertificateFolder>();
  private readonly replicas = new Map<string, Replica>();
  private readonly ports = new PortPicker();

  /** Starts one of each, with `env` on top of what the test runs in; resolves when all are ready. */
  async start(names: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
    for (const name of names) this.replicas.set(name, await this.spawn(name, env));
    await Promise.all(names.map((name) => this.ready(name)));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.replicas.values()].map(({ process }) => ended(process)));
    for (const folder of this.folders.values()) folder.remove();
  }

  /** `localhost:port`: the certificates have that name, too, for clients that look for one. */
  address(name: string): string {
    return `localhost:${this.replicas.get(name)?.port}`;
  }

  /** The files of a service's certificate, for whoever wants to call as that service. */
  certificate(name: string): CertificateFolder {
    let folder = this.folders.get(name);
    if (!folder) {
      folder = new CertificateFolder();
      const uri = `URI:${identity.replace('{service}', name)}`;
      folder.write({ ...this.authority.issue({ names: [uri, 'DNS:localhost'] }), ca: this.authority.cert });
      this.folders.set(name, folder);
    }
    return folder;
  }

  /** What the replica has logged about calls that it refused. */
  refusals(name: string): Record<string, unknown>[] {
    const lines = this.replicas.get(name)?.lines.filter((line) => line.includes('a call was refused')) ?? [];
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  private async spawn(name: string, env: Readonly<Record<string, string>>): Promise<Replica> {
    const { ports } = this;
    const [port, healthPort, httpPort] = [await ports.any(), await ports.any(), await ports.any()];
    const { certFile, keyFile, caFile } = this.certificate(name);
    const child = spawn(process.execPath, [join(apps, name, 'main.js')], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ...env,
        NODE_ENV: 'production',
        // They start all at once, beside a stack that runs.
        START_TIMEOUT_MS: `${READY_TIMEOUT_MS}`,
        INSTANCE_ID: `${name}-tls`,
        HOST: '127.0.0.1',
        GRPC_PORT: `${port}`,
        HEALTH_PORT: `${healthPort}`,
        HTTP_PORT: `${httpPort}`,
        GRPC_CERT_FILE: certFile,
        GRPC_KEY_FILE: keyFile,
        GRPC_CA_FILE: caFile,
        GRPC_IDENTITY: identity,
        TOKEN_SECRET: 'no buyer comes here',
      },
    });
    const lines: string[] = [];
    let rest = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
    });
    return { process: child, port, healthPort, lines };
  }

  private async ready(name: string): Promise<void> {
    const { healthPort, process, lines } = this.replicas.get(name) as Replica;
    const ready = until(
      async () => (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).ok || undefined,
      `${name} to be ready under TLS`,
      READY_TIMEOUT_MS,
    );
    const died = once(process, 'exit').then(() => {
      throw new Error(`${name} ended: ${lines.slice(-3).join('\n')}`);
    });
    await Promise.race([ready, died]);
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exit;
  clearTimeout(timer);
}
