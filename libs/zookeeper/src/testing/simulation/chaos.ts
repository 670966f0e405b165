import type { Clock, Timer } from '@flashmesh/core';
import type { Ensemble } from './ensemble.ts';
import type { Link } from './link.ts';
import type { ClientConnection } from './model.ts';
import type { Prng } from './prng.ts';
import type { SimulatedProcess } from './process.ts';

/** What can be broken. */
export interface Breakable {
  readonly ensemble: Ensemble;
  /** By the name of the client. */
  readonly processes: ReadonlyMap<string, SimulatedProcess>;
  /** All that were opened; those that are over count no more. */
  readonly links: ReadonlySet<Link>;
  readonly sessionTimeoutMs: number;
}

/** Breaks one thing after the other, as the seed decides, and heals each after a while. */
export class Chaos {
  private readonly target: Breakable;
  private readonly clock: Clock;
  private readonly random: Prng;
  private readonly record: (text: string) => void;
  /** What heals what is broken now. */
  private readonly broken = new Map<string, () => void>();
  private readonly meanPauseMs: number;
  private timer: Timer | undefined;

  constructor(target: Breakable, random: Prng, record: (text: string) => void) {
    this.target = target;
    this.clock = target.ensemble.clock;
    this.random = random;
    this.record = record;
    this.meanPauseMs = random.between(300, 1500);
  }

  start(): void {
    const pauseMs = -Math.log(1 - this.random.next()) * this.meanPauseMs;
    this.timer = this.clock.after(pauseMs, () => {
      this.breakSomething();
      this.start();
    });
  }

  /** Heals all. */
  stop(): void {
    this.timer?.cancel();
    const heals = [...this.broken.values()];
    for (const heal of heals) heal();
    for (const connection of this.connections()) connection.losesNextReply = false;
    this.record('all is well');
  }

  private breakSomething(): void {
    const { ensemble, processes, sessionTimeoutMs } = this.target;
    const faults: readonly (() => void)[] = [
      () => this.loseReply(),
      () => this.loseReply(),
      () => this.onConnection('reset', ({ link }) => link.reset()),
      () => this.silence(),
      () => this.silence(),
      () => {
        const server = this.random.pick(ensemble.servers);
        this.for(
          `${server.name} lags`,
          sessionTimeoutMs * 0.5,
          () => server.lag(),
          () => server.catchUp(),
        );
      },
      () => {
        const server = this.random.pick(ensemble.servers);
        const crash = () => {
          server.crash();
          server.lag();
        };
        const restart = () => {
          server.restart();
          // Only now does it learn what it missed.
          this.clock.after(this.random.between(0, 50), () => server.catchUp());
        };
        this.for(`${server.name} is down`, sessionTimeoutMs, crash, restart);
      },
      () => {
        if (ensemble.hasLeader) ensemble.elect(this.random.between(10, sessionTimeoutMs / 2));
      },
      () => {
        const sessions = [...ensemble.sessions.values()].filter(({ end }) => !end);
        if (sessions.length > 0) ensemble.kill(this.random.pick(sessions));
      },
      () => {
        const [name, process] = this.random.pick([...processes]);
        const long = this.random.chance(0.5) ? 1.5 : 0.5;
        this.for(
          `${name} is frozen`,
          sessionTimeoutMs * long,
          () => process.freeze(),
          () => process.wake(),
        );
      },
    ];
    this.random.pick(faults)();
  }

  private connections(): ClientConnection[] {
    return this.target.ensemble.servers.flatMap(({ connections }) => [...connections]);
  }

  private onConnection(what: string, act: (connection: ClientConnection) => void): void {
    const connections = this.connections().filter(({ session }) => session);
    if (connections.length === 0) return;
    const connection = this.random.pick(connections);
    this.record(`${what}: session ${connection.session?.id} at ${connection.server.name}`);
    act(connection);
  }

  private loseReply(): void {
    this.onConnection('the next reply will be lost', (connection) => {
      connection.losesNextReply = true;
    });
  }

  /** One way or both; the connection comes back or breaks, or the network as a whole does for a client. */
  private silence(): void {
    this.onConnection('silence', ({ link, session }) => {
      const directions = this.random.pick([
        { toServer: true, toClient: false },
        { toServer: false, toClient: true },
        { toServer: true, toClient: true },
      ]);
      const breaks = this.random.chance(0.5);
      this.for(
        `silence ${directions.toServer ? '->' : ''}${directions.toClient ? '<-' : ''} at session ${session?.id}`,
        this.target.sessionTimeoutMs * this.random.pick([0.3, 1, 2]),
        () => link.silence(directions),
        () => (breaks ? link.reset() : link.heal()),
      );
    });
  }

  /** Breaks it for up to so long, unless it is broken already. */
  private for(name: string, mostMs: number, breakIt: () => void, healIt: () => void): void {
    if (this.broken.has(name)) return;
    const durationMs = this.random.between(mostMs / 10, mostMs);
    this.record(`${name} for ${durationMs.toFixed()} ms`);
    const heal = () => {
      timer.cancel();
      this.broken.delete(name);
      this.record(`no more: ${name}`);
      healIt();
    };
    const timer = this.clock.after(durationMs, heal);
    this.broken.set(name, heal);
    breakIt();
  }
}
