import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy for tests that can cut connections, refuse new ones, or let bytes vanish. */
export class TcpProxy {
  private readonly server: Server;
  private readonly pairs = new Set<{ client: Socket; upstream: Socket }>();
  private readonly swallowed = { toServer: false, toClient: false };
  private refusing = false;

  private constructor(target: { host: string; port: number }) {
    this.server = createServer((client) => {
      if (this.refusing) {
        client.destroy();
        return;
      }
      const upstream = connect(target);
      const pair = { client, upstream };
      this.pairs.add(pair);
      client.on('data', (chunk: Buffer) => this.swallowed.toServer || upstream.write(chunk));
      upstream.on('data', (chunk: Buffer) => this.swallowed.toClient || client.write(chunk));
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

  /** Connections are reset; new ones too, while `refusing`. */
  cut(refusing = false): void {
    this.refusing = refusing;
    for (const { client, upstream } of this.pairs) {
      client.resetAndDestroy();
      upstream.destroy();
    }
  }

  /** Bytes vanish in these directions, connections stay: what a pulled cable or a silent firewall looks like. */
  swallow(directions: { toServer?: boolean; toClient?: boolean }): void {
    Object.assign(this.swallowed, { toServer: false, toClient: false }, directions);
  }

  /** All is well again; connections that were swallowed are dropped. */
  heal(): void {
    this.swallow({});
    this.cut(false);
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.cut(true);
    await closed;
  }
}
