import { FlashmeshError, messageOf, sleep } from '@flashmesh/core';
import { isZooKeeperError } from '@flashmesh/zookeeper';
import { holdsInTime, type Prng, type SimulatedClient, type Simulation } from '@flashmesh/zookeeper/testing';

/** One recipe under test: what each client does with it while things break, and what must be so afterwards. */
export interface Workload {
  /** Does things until the time has come, by the simulated clock; ends by itself soon after. */
  run(client: SimulatedClient, untilMs: number): Promise<void>;
  /** When nothing is broken any more and all have run: what must be so; the clients are still connected. */
  check(): void | Promise<void>;
}

const SOON_MS = 2000;

/** What recipes may throw when ZooKeeper is out of reach. */
const UNAVAILABLE = ['ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED'] as const;

/** What workloads have in common: a run, and the outcomes that they may meet. */
export abstract class SimulatedWorkload implements Workload {
  protected readonly sim: Simulation;
  protected readonly random: Prng;
  private readonly name: string;

  constructor(sim: Simulation, name: string) {
    this.sim = sim;
    this.name = name;
    this.random = sim.random.fork();
  }

  async run(client: SimulatedClient, untilMs: number): Promise<void> {
    while (this.sim.clock.monotonic() < untilMs) {
      await this.attempt(client, () => this.step(client));
      await this.pause(client, 1, 150);
    }
  }

  abstract check(): void | Promise<void>;

  protected abstract step(client: SimulatedClient): Promise<void>;

  /** Lets the client's time pass. */
  protected pause({ process }: SimulatedClient, fromMs: number, toMs: number): Promise<void> {
    return sleep(this.random.between(fromMs, toMs), undefined, process.clock);
  }

  /** Does it, and notes errors that cannot be. Answers how it ended: `unknown` when it may have been done. */
  protected async attempt(
    client: SimulatedClient,
    act: () => Promise<unknown>,
    allowed: readonly string[] = [],
  ): Promise<'done' | 'unknown' | 'not done'> {
    try {
      await act();
      return 'done';
    } catch (error) {
      this.sim.history.add(`${client.name} ${this.name}: ${messageOf(error)}`);
      const code = error instanceof FlashmeshError ? error.code : undefined;
      const may = isZooKeeperError(error, ...UNAVAILABLE) || (code !== undefined && allowed.includes(code));
      this.sim.check(may, `${client.name} ${this.name}: an error that cannot be: ${messageOf(error)}`);
      return isZooKeeperError(error, 'ZK_CONNECTION_LOSS') ? 'unknown' : 'not done';
    }
  }

  /** No node but those is left beneath the path, soon: whoever gave up waiting does not wait for its node to go, either. */
  protected checkEmpty(path: string, but: readonly string[] = []): Promise<void> {
    const children = () => [...(this.sim.ensemble.tree.get(path)?.children ?? [])];
    const left = () => children().filter((name) => !but.includes(name));
    return holdsInTime(
      this.sim,
      `nothing is left in ${path}`,
      () => left().length === 0,
      SOON_MS,
      () => left().join(),
    );
  }
}
