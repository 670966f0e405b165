import { mkdir, rm, statfs } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { appInstances, appSpec, builtApps } from './apps.ts';
import { ensureBuilt } from './build.ts';
import { findPrograms, type InfraChoice, infraSpecs } from './infra.ts';
import type { ManagedProcess, ProcessSpec } from './managed-process.ts';
import { local, paths } from './paths.ts';
import { type Print, step, toTerminal } from './progress.ts';
import { recoverRuns, RunFolder } from './run-folder.ts';
import { readSecrets, type Secrets } from './secrets.ts';
import { addressesOf, appEnv, clientEnv, type StackAddresses } from './stack-addresses.ts';
import { StackError } from './stack-error.ts';
import { type AskedPorts, pickPorts, type StackPorts } from './stack-ports.ts';
import { Supervisor } from './supervisor.ts';
import { findJaeger, jaegerSpec, memoryStoreSpec } from './trace-store.ts';
import type { ZooKeeperCount } from './zookeeper-servers.ts';

/** What to start and how. */
export interface LocalStackOptions {
  /** Names the run's folder and its logs. */
  readonly name: string;
  /** Start the apps and the trace store, too. @default true */
  readonly apps?: boolean;
  /** How many ZooKeeper servers. @default 1 */
  readonly zooKeepers?: ZooKeeperCount;
  /** What else to say about the servers. */
  readonly infra?: InfraChoice;
  /** Throw away what an earlier run of this name left. @default false */
  readonly fresh?: boolean;
  /** A folder of its own that is removed when the stack stops. @default false */
  readonly temporary?: boolean;
  readonly ports?: AskedPorts;
  /** Variables for every app, e.g. `LOG_FORMAT`; they win over the stack's own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly print?: Print;
  /** Lines that processes print. */
  readonly onLine?: (name: string, line: string) => void;
  /** Something the stack cannot live without has died: it should be stopped. */
  readonly onFatal?: (error: StackError) => void;
  readonly signal?: AbortSignal;
}

const neededBytes = 600 * 1024 * 1024;
const restartAfterMs = 1000;

/**
 * The whole shop on one machine: ZooKeeper, Kafka, Redis, a trace store and every app as a process of its own, all on
 * 127.0.0.1. `start` resolves when everything answers that it is ready, or stops what it had started and throws.
 */
export class LocalStack {
  readonly addresses: StackAddresses;
  /** Where each process's output goes, one file a process. */
  readonly logs: string;
  readonly adminToken: string;
  /** Variables that reach this stack: for specs, scripts and tools. */
  readonly env: Readonly<Record<string, string>>;
  private readonly supervisor: Supervisor;
  private readonly folder: RunFolder;
  private readonly print: Print;
  private stopping: Promise<void> | undefined;
  private crashCount = 0;

  private constructor(o: {
    addresses: StackAddresses;
    logs: string;
    adminToken: string;
    env: Record<string, string>;
    supervisor: Supervisor;
    folder: RunFolder;
    print: Print;
  }) {
    this.addresses = o.addresses;
    this.logs = o.logs;
    this.adminToken = o.adminToken;
    this.env = o.env;
    this.supervisor = o.supervisor;
    this.folder = o.folder;
    this.print = o.print;
  }

  /** @throws StackError with one sentence and the fix for everything that can be missing or in the way. */
  static async start(o: LocalStackOptions): Promise<LocalStack> {
    const print = o.print ?? toTerminal;
    await requireSpace();
    for (const sentence of await recoverRuns(paths.runs)) print(sentence);
    const folderName = o.temporary ? `${o.name}-${process.pid}` : o.name;
    const folder = RunFolder.open(paths.runs, folderName, {
      temporary: o.temporary ?? false,
      fresh: o.fresh ?? false,
    });
    let stack: LocalStack | undefined;
    const building = new AbortController();
    const signal = o.signal ? AbortSignal.any([o.signal, building.signal]) : building.signal;
    const supervisor = new Supervisor({
      spawned: (name, pid) => folder.record(name, pid),
      ready: (name, ms) => print(`${name} ready in ${(ms / 1000).toFixed(1)} s`),
      line: o.onLine,
      died: (process) => stack?.onDeath(process, o),
    });
    try {
      const logs = join(paths.logs, o.name);
      await rm(logs, { recursive: true, force: true });
      await mkdir(logs, { recursive: true });
      const ports = await pickPorts(o.ports ?? {}, o.zooKeepers);
      const secrets = await readSecrets(folder.path);
      const addresses = addressesOf(ports);
      const env = clientEnv(addresses, secrets.ADMIN_TOKEN, logs);
      stack = new LocalStack({
        addresses,
        logs,
        adminToken: secrets.ADMIN_TOKEN,
        env,
        supervisor,
        folder,
        print,
      });
      await stack.startAll({ ...o, signal }, ports, secrets);
      return stack;
    } catch (error) {
      building.abort(error);
      await supervisor.stop();
      folder.close();
      throw error;
    }
  }

  /** How often an app ended although nobody asked it to; it was started again each time. */
  get crashes(): number {
    return this.crashCount;
  }

  /** Folder of the run, for whoever keeps something beside its data. */
  get path(): string {
    return this.folder.path;
  }

  get processes(): readonly ManagedProcess[] {
    return this.supervisor.processes;
  }

  /** The app processes. */
  get apps(): readonly ManagedProcess[] {
    return appInstances.flatMap(({ name }) => this.supervisor.find(name) ?? []);
  }

  /** The ZooKeeper servers' processes, in the order of their ids. */
  get zooKeepers(): readonly ManagedProcess[] {
    return this.processes.filter(({ name }) => /^zookeeper(-\d+)?$/.test(name));
  }

  /** An app by its instance id, to do to it what faults do. */
  app(name: string): Breakable {
    return breakable(this.apps, name);
  }

  /** A ZooKeeper server by its process's name, to do to it what faults do. A restarted one is ready when there is a quorum. */
  zooKeeper(name: string): Breakable {
    return breakable(this.zooKeepers, name);
  }

  /** `host:port` of a ZooKeeper server by its process's name. */
  zooKeeperAddress(name: string): string {
    const index = this.zooKeepers.findIndex((server) => server.name === name);
    const address = this.addresses.zookeeper.split(',')[index];
    if (address === undefined) throw new Error(`no ZooKeeper server ${name}`);
    return address;
  }

  /** Writes down a process that somebody else started for this run, so that it is ended after a killed run, too. */
  adopt(name: string, pid: number): void {
    this.folder.record(name, pid);
  }

  /** FLUSHALL: every view is gone, as after the loss of the Redis server. */
  flushRedis(): Promise<void> {
    const port = Number(this.addresses.redis.split(':').at(-1));
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('FLUSHALL\r\n'));
      socket.setTimeout(10_000, () => socket.destroy(new Error('Redis did not answer FLUSHALL')));
      socket.once('error', reject);
      socket.once('data', (answer) => {
        socket.destroy();
        if (answer.toString().startsWith('+OK')) resolve();
        else reject(new Error(`Redis answered ${answer.toString().trim()}`));
      });
    });
  }

  /** Stops everything in reverse order and gives the run's folder up. Safe to call twice. */
  stop(): Promise<void> {
    this.stopping ??= this.supervisor
      .stop((names) => this.print(`stopped ${names.join(', ')}`))
      .finally(() => this.folder.close());
    return this.stopping;
  }

  /** When there is no time left: ends every process at once and removes what `stop` would. */
  abandon(): void {
    this.supervisor.killAll();
    this.folder.close();
  }

  private async startAll(o: LocalStackOptions, ports: StackPorts, secrets: Secrets): Promise<void> {
    const folders = { data: this.folder.path, logs: this.logs };
    const withApps = o.apps ?? true;
    const programs = await findPrograms(this.print, o.signal);
    const building = withApps ? ensureBuilt(builtApps, this.print, o.signal) : Promise.resolve();
    // Watched below; until then a failure must not count as unhandled.
    building.catch(() => undefined);
    await this.supervisor.start(await infraSpecs(programs, ports, folders, o.infra), o.signal);
    if (!withApps) return;
    await this.supervisor.start([await traceStore(ports, folders, this.print)], o.signal);
    await building;
    const env = { ...appEnv(this.addresses, secrets), ...o.env };
    const specs = appInstances.map((instance) => {
      const grpc = ports.grpc[instance.name] ?? 0;
      const health = ports.health[instance.name] ?? 0;
      const http = instance.app === 'gateway' ? ports.gateway : undefined;
      return appSpec(instance, {
        ports: { grpc, health, http },
        env,
        logs: this.logs,
        cwd: this.folder.path,
      });
    });
    await step(this.print, 'Starting the apps', 'All apps ready', () =>
      this.supervisor.start(specs, o.signal),
    );
  }

  /** A real orchestrator starts an app again; nothing replaces a broker. While the stack starts, `start` fails by itself. */
  private onDeath(process: ManagedProcess, o: LocalStackOptions): void {
    if (this.stopping || !process.wasReady) return;
    const isApp = appInstances.some(({ name }) => name === process.name);
    if (!isApp) return o.onFatal?.(process.failure());
    this.crashCount += 1;
    this.print(`${process.name} ${process.end}; starting it again in ${restartAfterMs / 1000} s`);
    setTimeout(() => {
      if (this.stopping || process.running) return;
      process.start().catch((error: unknown) => {
        if (!this.stopping) o.onFatal?.(error instanceof StackError ? error : process.failure(error));
      });
    }, restartAfterMs).unref();
  }
}

/** A process that may be ended and started again while the stack runs. */
export interface Breakable {
  /** @default SIGKILL */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves when it is ready. */
  restart(): Promise<void>;
}

function breakable(processes: readonly ManagedProcess[], name: string): Breakable {
  const found = processes.find((process) => process.name === name);
  if (!found) throw new Error(`no ${name}; there are ${processes.map((process) => process.name).join(', ')}`);
  return {
    kill: (signal) => found.kill(signal),
    restart: async () => {
      await found.stop();
      await found.start();
    },
  };
}

async function requireSpace(): Promise<void> {
  await mkdir(local, { recursive: true });
  const { bavail, bsize } = await statfs(local);
  const free = bavail * bsize;
  if (free >= neededBytes) return;
  const mb = (bytes: number) => Math.floor(bytes / 1024 / 1024);
  throw new StackError(
    `The disk is full: ${mb(free)} MB are free where ${local} is, and the stack needs ${mb(neededBytes)} MB.`,
    'Free some space and run the command again.',
  );
}

async function traceStore(
  ports: StackPorts,
  folders: { data: string; logs: string },
  print: Print,
): Promise<ProcessSpec> {
  const jaeger = await findJaeger();
  if (jaeger === undefined) return memoryStoreSpec(ports, folders.logs);
  print(`Traces go to Jaeger (${jaeger})`);
  return jaegerSpec(jaeger, ports, folders);
}
