import { freePorts, type ServerOptions, ZooKeeperServer } from './zookeeper-server.ts';

/** Three servers that serve what was written, read-only, when they cannot reach each other. */
export class Ensemble {
  readonly members: readonly ZooKeeperServer[];
  /** Where each member listens, `host:port`. */
  readonly addresses: readonly string[];

  private constructor(members: readonly ZooKeeperServer[], addresses: readonly string[]) {
    this.members = members;
    this.addresses = addresses;
  }

  /** Prepares one; its members are not started yet. @param config lines that all of them have beside the usual ones. */
  static async prepare(config: ServerOptions['config'] = {}): Promise<Ensemble> {
    const ports = await freePorts(9);
    const at = (index: number) => ports[index] as number;
    const servers = [0, 1, 2].map((i) => [
      `server.${i + 1}`,
      `127.0.0.1:${at(3 + i)}:${at(6 + i)};127.0.0.1:${at(i)}`,
    ]);
    const members = [0, 1, 2].map((i) =>
      ZooKeeperServer.prepare({
        id: i + 1,
        config: {
          clientPort: at(i),
          initLimit: 20,
          syncLimit: 10,
          // Without them a server of 3.9 opens no session while it is read-only: that would be a write.
          localSessionsEnabled: true,
          localSessionsUpgradingEnabled: true,
          ...config,
          ...Object.fromEntries(servers),
        },
        properties: { 'readonlymode.enabled': true },
      }),
    );
    return new Ensemble(
      await Promise.all(members),
      [0, 1, 2].map((i) => `127.0.0.1:${at(i)}`),
    );
  }

  /** Starts members, all by default. */
  async start(...indexes: number[]): Promise<void> {
    await Promise.all(this.some(indexes).map((member) => member.start()));
  }

  /** Ends members at once, all by default. */
  async kill(...indexes: number[]): Promise<void> {
    await Promise.all(this.some(indexes).map((member) => member.kill()));
  }

  /** Starts a member such that it never finds the others, whether they live or not. */
  async startAlone(index: number): Promise<void> {
    const member = this.members[index] as ZooKeeperServer;
    const { options } = member;
    const dead = await freePorts(6);
    const own = `server.${index + 1}`;
    const lost = Object.entries(options.config).map(([key, value]) =>
      key.startsWith('server.') && key !== own
        ? [key, `127.0.0.1:${dead.pop()}:${dead.pop()};127.0.0.1:${dead.pop()}`]
        : [key, value],
    );
    const [, election] = await freePorts(2);
    const mine = String(options.config[own]).replace(/^([^:]+:\d+):\d+/, `$1:${election}`);
    member.options = { ...options, config: { ...Object.fromEntries(lost), [own]: mine } };
    try {
      await member.start();
    } finally {
      member.options = options;
    }
  }

  /** Ends all of them, and their data. */
  async dispose(): Promise<void> {
    await Promise.all(this.members.map((member) => member.dispose()));
  }

  private some(indexes: readonly number[]): ZooKeeperServer[] {
    return this.members.filter((_, index) => indexes.length === 0 || indexes.includes(index));
  }
}
