import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('replica-program.fixture.ts', import.meta.url));

/** How a replica behaves. */
export interface ReplicaBehaviour {
  readonly delayMs?: number;
  /** Share of calls that fail. */
  readonly fail?: number;
  readonly port?: number;
}

/** A replica that runs as a process of its own. */
export class Replica {
  readonly port: number;
  private readonly child: ChildProcess;
  private readonly lines: string[];

  private constructor(child: ChildProcess, lines: string[], port: number) {
    this.child = child;
    this.lines = lines;
    this.port = port;
  }

  static async start({ delayMs = 0, fail = 0, port = 0 }: ReplicaBehaviour = {}): Promise<Replica> {
    const env = { ...process.env, DELAY_MS: String(delayMs), FAIL: String(fail), PORT: String(port) };
    const child = spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const lines: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    const listening = await said(lines, 'listening', child);
    return new Replica(child, lines, listening);
  }

  get pid(): number {
    return this.child.pid as number;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Calls that reached a handler. */
  async served(): Promise<number> {
    this.lines.length = 0;
    this.signal('SIGUSR2');
    return said(this.lines, 'served', this.child);
  }

  /** Ends it, also when it is frozen, and waits until it is gone. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.signal(signal);
    await gone;
  }
}

/** Waits for a line `<word> <number>`. */
async function said(lines: readonly string[], word: string, child: ChildProcess): Promise<number> {
  const giveUpAt = Date.now() + 30_000;
  for (;;) {
    const line = lines.find((line) => line.startsWith(`${word} `));
    if (line) return Number(line.slice(word.length + 1));
    if (child.exitCode !== null) throw new Error(`the replica ended with ${child.exitCode}`);
    if (Date.now() > giveUpAt) throw new Error(`the replica never said ${word}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/**
 * Stands between a client and a replica, and can swallow everything from one moment on without closing a connection: what a peer
 * looks like whose machine vanished, or a pod that was deleted together with its network.
 */
export class BlackHole {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private swallowing = false;

  private constructor(server: Server) {
    this.server = server;
  }

  static async before(target: number): Promise<BlackHole> {
    const server = createServer();
    const hole = new BlackHole(server);
    server.on('connection', (socket) => {
      // A machine that is gone completes no handshake above TCP either: new connections are swallowed as well.
      const upstream = connect(target, '127.0.0.1');
      hole.join(socket, upstream);
      hole.join(upstream, socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return hole;
  }

  get port(): number {
    const address = this.server.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  swallow(): void {
    this.swallowing = true;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.on('data', (bytes) => {
      if (!this.swallowing) to.write(bytes);
    });
    from.on('close', () => {
      this.sockets.delete(from);
      if (!this.swallowing) to.destroy();
    });
    from.on('error', () => undefined);
  }
}
