import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { DelayedPipe } from './delayed-pipe.ts';

/** Which way. */
export interface Directions {
  readonly toServer?: boolean;
  readonly toClient?: boolean;
}

/** A TCP proxy for tests that can cut connections, refuse new ones, slow bytes down or let them vanish. */
export class TcpProxy {
  /** Sees every chunk on its way to the server, before what happens to it. */
  onRequestBytes: ((chunk: Buffer) => void) | undefined;
  private readonly server: Server;
  private readonly pairs = new Set<{ client: Socket; upstream: Socket }>();
  private readonly swallowed = { toServer: false, toClient: false };
  private refusing = false;
  private delay: () => number = () => 0;

  private constructor(target: { host: string; port: number }) {
    this.server = createServer({ noDelay: true }, (client) => {
      if (this.refusing) {
        client.destroy();
        return;
      }
      const upstream = connect({ ...target, noDelay: true });
      const pair = { client, upstream };
      this.pairs.add(pair);
      const toServer = new DelayedPipe(upstream, () => this.delay());
      const toClient = new DelayedPipe(client, () => this.delay());
      client.on('data', (chunk: Buffer) => {
        this.onRequestBytes?.(chunk);
        if (!this.swallowed.toServer) toServer.push(chunk);
      });
      upstream.on('data', (chunk: Buffer) => {
        if (!this.swallowed.toClient) toClient.push(chunk);
      });
      for (const socket of [client, upstream]) {
        // The tests break connections on purpose: errors are what is wanted.
        socket.on('error', () => undefined);
        socket.on('close', () => {
          if (client.destroyed && upstream.destroyed) this.pairs.delete(pair);
          // A black hole tells nobody that the other side is gone.
          if (this.swallowed.toServer || this.swallowed.toClient) return;
          client.destroy();
          upstream.destroy();
        });
      }
    });
  }

  /** @param target `host:port`, the first of a list. */
  static async to(target: string): Promise<TcpProxy> {
    const [host, port] = (target.split(',')[0] as string).split(':') as [string, string];
    const proxy = new TcpProxy({ host, port: Number(port) });
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Whether a client is connected through it. */
  get inUse(): boolean {
    return [...this.pairs].some(({ client, upstream }) => !client.destroyed && !upstream.connecting);
  }

  /** Connections are reset; new ones too, while `refusing`. */
  cut(refusing = false): void {
    this.refusing = refusing;
    for (const { client, upstream } of this.pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
  }

  /** Bytes vanish in these directions, connections stay: what a pulled cable or a silent firewall looks like. */
  swallow(directions: Directions): void {
    Object.assign(this.swallowed, { toServer: false, toClient: false }, directions);
  }

  /** Every chunk, either way, is held up for so many milliseconds; none overtakes another. */
  slowDown(delayMs: () => number): void {
    this.delay = delayMs;
  }

  /** All is well again; connections that were swallowed are dropped. */
  heal(): void {
    const broken = this.refusing || this.swallowed.toServer || this.swallowed.toClient;
    this.slowDown(() => 0);
    this.swallow({});
    this.refusing = false;
    if (broken) this.cut(false);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cut(true);
    await closed;
  }
}
