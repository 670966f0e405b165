import { ManualClock, messageOf } from '@flashmesh/core';
import type { Dial } from '../../dial.ts';
import { ZooKeeper } from '../../zookeeper.ts';
import type { ZooKeeperOptions } from '../../options.ts';
import { Chaos } from './chaos.ts';
import { Ensemble } from './ensemble.ts';
import { History } from './history.ts';
import { Link } from './link.ts';
import { Prng } from './prng.ts';
import { SimulatedProcess } from './process.ts';

/** A client and the process that it runs in. */
export interface SimulatedClient {
  readonly name: string;
  readonly zk: ZooKeeper;
  readonly process: SimulatedProcess;
}

export interface SimulationOptions {
  readonly seed: number;
  /** @default 3 */
  readonly servers?: number;
  /** @default as the seed decides, 1 to 4 s */
  readonly sessionTimeoutMs?: number;
}

/** How much time passes between two looks at whether the work is done. */
const STEP_MS = 10;
const PORT = 2181;
/** How much of its history a failed run shows. */
const TAIL_LINES = 60;

/**
 * An ensemble, its clients, and all that may happen between them, in one process and by one clock. Nothing but the seed decides what
 * happens: the same seed gives the same history.
 */
export class Simulation {
  readonly seed: number;
  readonly clock = new ManualClock();
  readonly random: Prng;
  readonly history = new History(this.clock);
  readonly ensemble: Ensemble;
  readonly sessionTimeoutMs: number;
  readonly processes = new Map<string, SimulatedProcess>();
  readonly clients: SimulatedClient[] = [];
  readonly links = new Set<Link>();
  /** What must never happen, and did. */
  readonly faults: string[] = [];
  private readonly servers: string;

  constructor({ seed, servers = 3, sessionTimeoutMs }: SimulationOptions) {
    this.seed = seed;
    this.random = new Prng(seed);
    this.sessionTimeoutMs = sessionTimeoutMs ?? this.random.pick([1000, 2000, 4000]);
    this.ensemble = new Ensemble({
      clock: this.clock,
      random: this.random.fork(),
      record: this.history.add,
      servers,
    });
    this.servers = this.ensemble.servers.map(({ name }) => `${name}:${PORT}`).join(',');
    this.ensemble.onExpired = ({ id }) => this.checkExpiry(id);
  }

  /** A client in a process of its own. */
  async connect(name: string, o: Partial<ZooKeeperOptions> = {}): Promise<SimulatedClient> {
    const process = new SimulatedProcess(this.clock);
    this.processes.set(name, process);
    const random = this.random.fork();
    const zk = await ZooKeeper.connect({
      servers: this.servers,
      sessionTimeoutMs: this.sessionTimeoutMs,
      initialTimeoutMs: 600_000,
      clock: process.clock,
      random: random.next,
      dial: this.dial(process),
      ...o,
    });
    zk.onState((state) => {
      this.history.add(`${name} is ${state.name}${'reason' in state ? `: ${state.reason}` : ''}`);
    });
    const client = { name, zk, process };
    this.clients.push(client);
    return client;
  }

  /** Breaks things from now on. */
  chaos(): Chaos {
    const chaos = new Chaos(this, this.random.fork(), this.history.add);
    chaos.start();
    return chaos;
  }

  /** Notes a fault unless the condition holds. */
  check(condition: boolean, fault: string): void {
    if (condition) return;
    this.history.add(`FAULT: ${fault}`);
    this.faults.push(fault);
  }

  /**
   * Lets time pass until the work is done.
   *
   * @throws Error what the work throws, or that it hangs, with the seed and the end of the history.
   */
  async run(work: Promise<unknown>, limitMs: number): Promise<void> {
    const outcome: { over: boolean; failure?: unknown } = { over: false };
    work.then(
      () => (outcome.over = true),
      (error: unknown) => Object.assign(outcome, { over: true, failure: error }),
    );
    const until = this.clock.monotonic() + limitMs;
    await this.clock.advance(0);
    while (!outcome.over && this.clock.monotonic() < until) await this.clock.advance(STEP_MS);
    if (!outcome.over) throw this.failed(`the work hangs after ${limitMs} ms`);
    if (outcome.failure) throw this.failed(messageOf(outcome.failure), outcome.failure);
    if (this.faults.length > 0) throw this.failed(this.faults.join('; '));
  }

  /** An error that tells how to see it again. */
  failed(what: string, cause?: unknown): Error {
    const text = `${what}\nReplay with SIM_SEED=${this.seed}. The end of its history:\n${this.history.tail(TAIL_LINES)}`;
    return new Error(text, { cause });
  }

  private dial(process: SimulatedProcess): Dial {
    return ({ host }) => {
      const link = new Link(this.clock, this.random.fork(), process);
      for (const each of this.links) if (each.isOver) this.links.delete(each);
      this.links.add(link);
      const server = this.ensemble.servers.find(({ name }) => name === host);
      link.connect(() => server?.accept(link));
      return { stream: link.stream, standsOn: 'connect' };
    };
  }

  /** The server ends a session by its own clock: the client must not believe in it any more. */
  private checkExpiry(id: bigint): void {
    for (const { name, zk } of this.clients) {
      if (zk.sessionId !== id || zk.state.name === 'closed') continue;
      this.check(zk.aliveForMs <= 0, `${name} believes in session ${id}, which the ensemble let expire`);
    }
  }
}
