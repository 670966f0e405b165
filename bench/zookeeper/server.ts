import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess } from '../../tools/local/managed-process.ts';
import { PortPicker } from '../../tools/local/ports.ts';
import { zooKeeperReady } from '../../tools/local/readiness.ts';
import { folder, type Programs } from './install.ts';

const USUAL_PORT = 2181;
const ports = new PortPicker();

/** A real ZooKeeper server of its own, with its data thrown away when it is stopped. */
export class Server {
  readonly address: string;
  private readonly process: ManagedProcess;
  private readonly data: string;

  private constructor(address: string, process: ManagedProcess, data: string) {
    this.address = address;
    this.process = process;
    this.data = data;
  }

  static async start({ java, classpath }: Programs, signal: AbortSignal): Promise<Server> {
    const port = await ports.pick(USUAL_PORT);
    const data = join(folder, `data-${port}`);
    const config = join(data, 'zookeeper.cfg');
    await rm(data, { recursive: true, force: true });
    await mkdir(data, { recursive: true });
    // Writes do not wait for the disk: clients are compared, and the disk would make them all alike.
    await writeFile(
      config,
      `tickTime=1000
dataDir=${data.replaceAll('\\', '/')}
clientPort=${port}
clientPortAddress=127.0.0.1
admin.enableServer=false
maxClientCnxns=0
forceSync=no
`,
    );
    const server = new ManagedProcess({
      name: 'zookeeper',
      command: java,
      args: [
        '-Xms256m',
        '-Xmx512m',
        '-cp',
        classpath,
        'org.apache.zookeeper.server.quorum.QuorumPeerMain',
        config,
      ],
      logFile: join(folder, 'zookeeper.log'),
      ready: () => zooKeeperReady(port),
    });
    const started = new Server(`127.0.0.1:${port}`, server, data);
    try {
      await server.start(signal);
    } catch (error) {
      await started.stop();
      throw error;
    }
    return started;
  }

  /** As a fault would: `SIGSTOP` makes it silent, `SIGKILL` ends it. */
  fail(how: 'SIGSTOP' | 'SIGKILL'): Promise<void> {
    return this.process.kill(how);
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await rm(this.data, { recursive: true, force: true });
  }
}
