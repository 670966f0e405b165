import type { WatchEvent } from '../../watch-registry.ts';
import { holdsInTime } from './settle.ts';
import type { SimulatedClient, Simulation } from './simulation.ts';

/** What was asked for arrives within this, when nothing is broken. */
const SOON_MS = 1000;

/** A one-shot watch, and what was read when it was armed. */
export interface ArmedWatch {
  readonly client: SimulatedClient;
  readonly kind: 'data' | 'child';
  readonly path: string;
  /** Version of the data or of the children; `undefined`: there was no node. */
  version: bigint | undefined;
  /** Whether the read that arms it succeeded. */
  armed: boolean;
  event: WatchEvent | undefined;
  takenBack: boolean;
}

/** Keeps all one-shot watches, to find those that missed their event, fired twice or stayed behind. */
export class WatchLedger {
  private readonly sim: Simulation;
  private readonly watches: ArmedWatch[] = [];

  constructor(sim: Simulation) {
    this.sim = sim;
  }

  /** A new watch and its listener. */
  open(
    client: SimulatedClient,
    kind: ArmedWatch['kind'],
    path: string,
  ): { watch: ArmedWatch; listener: (event: WatchEvent) => void } {
    const watch: ArmedWatch = {
      client,
      kind,
      path,
      version: undefined,
      armed: false,
      event: undefined,
      takenBack: false,
    };
    this.watches.push(watch);
    const listener = (event: WatchEvent) => {
      this.sim.history.add(`${client.name} ${kind} watch of ${path}: ${event.type}`);
      this.sim.check(!watch.event, `${client.name}: a one-shot watch of ${path} fired twice`);
      this.sim.check(!watch.takenBack, `${client.name}: a watch of ${path} fired after it was taken back`);
      watch.event = event;
    };
    return { watch, listener };
  }

  /** When the dust has settled: each has fired, or nothing has happened to its node. */
  checkNoneMissed(): void {
    for (const watch of this.waiting()) {
      const { client, kind, path, version } = watch;
      const node = this.sim.ensemble.tree.get(path);
      const now = kind === 'data' ? node?.mzxid : node?.pzxid;
      this.sim.check(
        now === version,
        `${client.name}: the ${kind} watch of ${path} missed its event (was ${version}, is ${now})`,
      );
    }
  }

  /** What clients wait for is armed at their servers, and nothing else. @param lasting of each client beside, e.g. `recursive /a`. */
  async checkServers(lasting: readonly string[]): Promise<void> {
    for (const client of this.sim.clients) {
      const waiting = this.waiting().filter((watch) => watch.client === client);
      const expected = [...lasting, ...waiting.map(({ kind, path }) => `${kind} ${path}`)];
      await holdsInTime(
        this.sim,
        `${client.name} has its watches at the server, and no others`,
        () => sameSets(expected, armedBy(this.sim, client)),
        SOON_MS,
        () => `wanted: ${expected.join(', ')}; armed: ${armedBy(this.sim, client).join(', ')}`,
      );
      this.sim.check(
        client.zk.watchCount === expected.length,
        `${client.name}: ${client.zk.watchCount} watches where ${expected.length} wait`,
      );
    }
  }

  private waiting(): ArmedWatch[] {
    return this.watches.filter(({ armed, event, takenBack }) => armed && !event && !takenBack);
  }
}

/** The watches of the client at the server that it is connected to. */
export function armedBy({ ensemble }: Simulation, { zk }: SimulatedClient): string[] {
  return ensemble.sessions.get(zk.sessionId)?.connection?.watches.all() ?? [];
}

function sameSets(a: readonly string[], b: readonly string[]): boolean {
  const [inA, inB] = [new Set(a), new Set(b)];
  return inA.size === inB.size && a.every((each) => inB.has(each));
}
