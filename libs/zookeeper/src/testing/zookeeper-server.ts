import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';

/** Where `npm test -- real` puts the servers that it has fetched. */
const jars = join(import.meta.dirname, '../../../../.local/lib/jars');
/** Quick to start and small. */
const JVM = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-XX:-UsePerfData', '-Xmx96m'];
const READY_MS = 60_000;
const REMEMBERED_LINES = 20;
/** Below the range that systems hand out to clients, so that a port stays free while its server is down. */
const [FIRST_PORT, LAST_PORT] = [10_000, 19_999];

export interface ServerOptions {
  /** Lines of `zoo.cfg`, beside `dataDir`. One of the ports is `clientPort` or `secureClientPort`. */
  readonly config: Readonly<Record<string, string | number | boolean>>;
  /** System properties of the JVM, for what the configuration cannot say. */
  readonly properties?: Readonly<Record<string, string | number | boolean>>;
  /** The content of `myid`: which member of an ensemble it is. */
  readonly id?: number;
}

/** A ZooKeeper server of a spec's own, on 127.0.0.1, for what the one of the stack is not set up for. */
export class ZooKeeperServer {
  /** What it is started with the next time. */
  options: ServerOptions;
  private readonly folder: string;
  private child: ChildProcess | undefined;
  private lines: string[] = [];

  private constructor(folder: string, options: ServerOptions) {
    this.folder = folder;
    this.options = options;
  }

  /** Prepares one, with a data folder that lives as long as it does. It is not started yet. */
  static async prepare(options: ServerOptions): Promise<ZooKeeperServer> {
    return new ZooKeeperServer(await mkdtemp(join(tmpdir(), 'flashmesh-zookeeper-')), options);
  }

  /** Resolves when it takes connections. @throws Error with the last lines that it printed. */
  async start(): Promise<void> {
    const { config, properties = {}, id } = this.options;
    const dataDir = join(this.folder, 'data');
    await mkdir(dataDir, { recursive: true });
    if (id !== undefined) await writeFile(join(dataDir, 'myid'), `${id}\n`);
    const file = join(this.folder, 'zoo.cfg');
    const all = { tickTime: 500, dataDir, 'admin.enableServer': false, maxClientCnxns: 0, ...config };
    await writeFile(
      file,
      Object.entries(all).map(([key, value]) => `${key}=${value}\n`),
    );
    const home = process.env['JAVA_HOME'];
    const child = spawn(
      home ? join(home, 'bin', 'java') : 'java',
      [
        ...JVM,
        ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
        '-cp',
        await classpath(),
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        file,
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.child = child;
    this.lines = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        this.lines.push(line);
        if (this.lines.length > REMEMBERED_LINES) this.lines.shift();
      });
    }
    await this.listening(Number(config['clientPort'] ?? config['secureClientPort']));
  }

  /** Ends it at once, as a crash would. Resolves when it is gone. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Ends it, and its data. */
  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async listening(port: number): Promise<void> {
    const deadline = performance.now() + READY_MS;
    while (!(await answers(port))) {
      if (this.child?.exitCode !== null || performance.now() > deadline) {
        throw new Error(`ZooKeeper does not listen on ${port}:\n${this.lines.join('\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** So many ports of 127.0.0.1 on which nobody listens. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer().once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1' }, () => probe.close(() => resolve(true)));
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const finish = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => finish(true)).once('error', () => finish(false));
  });
}

async function classpath(): Promise<string> {
  if (!existsSync(jars)) throw new Error(`there are no servers in ${jars}: run \`npm test -- real\` once`);
  // Those of Kafka are there, too, and its logging with the configuration that it wants.
  const wanted = /^(zookeeper|netty|slf4j-api|log4j|metrics-core|snappy|commons-io)/;
  const names = (await readdir(jars)).filter((name) => wanted.test(name));
  return names.map((name) => join(jars, name)).join(delimiter);
}
