import { type Directions, TcpProxy } from '@flashmesh/zookeeper/testing';

/** One client's way to the ensemble: a proxy before each server. */
export class Network {
  /** What the client is to connect to. */
  readonly servers: string;
  private readonly proxies: readonly TcpProxy[];

  private constructor(proxies: readonly TcpProxy[]) {
    this.proxies = proxies;
    this.servers = proxies.map(({ address }) => address).join(',');
  }

  /** @param servers `host:port` of all, with commas between. */
  static async to(servers: string): Promise<Network> {
    return new Network(await Promise.all(servers.split(',').map((server) => TcpProxy.to(server))));
  }

  /** From now on bytes to and from the server that the client talks to vanish; the ways to the others are well. */
  swallowCurrent(directions: Directions): void {
    for (const proxy of this.proxies) if (proxy.inUse) proxy.swallow(directions);
  }

  /** From now on all bytes vanish. */
  swallow(directions: Directions): void {
    for (const proxy of this.proxies) proxy.swallow(directions);
  }

  /** Resets what is connected; the client may connect again at once. */
  reset(): void {
    for (const proxy of this.proxies) proxy.cut();
  }

  slowDown(delayMs: () => number): void {
    for (const proxy of this.proxies) proxy.slowDown(delayMs);
  }

  /** Hears of every chunk that the client sends. */
  onRequestBytes(listener: (chunk: Buffer) => void): void {
    for (const proxy of this.proxies) proxy.onRequestBytes = listener;
  }

  heal(): void {
    for (const proxy of this.proxies) proxy.heal();
  }

  async close(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
  }
}
