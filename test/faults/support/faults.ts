import type { ZooKeeper } from '@flashmesh/zookeeper';
import type { Ensemble } from './ensemble.ts';
import { eventually, pause } from '../../support/eventually.ts';
import type { Network } from './network.ts';

/** What faults are done to. */
export interface World {
  readonly ensemble: Ensemble;
  /** The clients and each one's way to the servers, in the same order. */
  readonly clients: readonly ZooKeeper[];
  readonly networks: readonly Network[];
  readonly sessionMs: number;
}

/** A fault from its beginning to its end. */
export interface Fault {
  readonly name: string;
  /** Part of `npm test`, which has little time. */
  readonly inShare?: boolean;
  /** Resolves when the cause is gone; the clients may still be recovering. */
  run(world: World): Promise<void>;
}

const RESETS = 6;
const SLOW_MS = 60;
const SLOW_FOR_SESSIONS = 1.5;

/** Resolves when every client's session has been told to be in that state, beginning now. */
function toldTo(world: World, state: 'suspended' | 'lost'): Promise<void[]> {
  return Promise.all(
    world.clients.map(
      (zk) =>
        new Promise<void>((resolve) => {
          const stop = zk.onState(({ name }) => {
            if (name !== state) return;
            stop();
            resolve();
          });
        }),
    ),
  );
}

const allConnected = (world: World) =>
  eventually('every client to be connected', () =>
    world.clients.every(({ state }) => state.name === 'connected'),
  );

/** The servers that clients talk to go silent, for good as far as the clients can tell: only the read timeout notices. */
function halfOpen(what: string, directions: { toServer?: boolean; toClient?: boolean }): Fault {
  return {
    name: `the client's server is half open: ${what} vanish`,
    async run(world) {
      const noticed = toldTo(world, 'suspended');
      for (const network of world.networks) network.swallowCurrent(directions);
      await noticed;
      // Through another server, while this way is still dead.
      await allConnected(world);
      for (const network of world.networks) network.heal();
    },
  };
}

export const faults: readonly Fault[] = [
  {
    name: 'the leader is killed',
    inShare: true,
    async run({ ensemble }) {
      const leader = await ensemble.leader();
      await ensemble.kill(leader);
      await eventually(
        'another leader',
        async () => (await ensemble.leader().catch(() => leader)) !== leader,
      );
      await ensemble.restart(leader);
      await ensemble.whole();
    },
  },
  {
    name: 'the leader is frozen for two sessions',
    async run({ ensemble, sessionMs }) {
      const leader = await ensemble.leader();
      await ensemble.freeze(leader);
      await pause(2 * sessionMs);
      await ensemble.thaw(leader);
      await ensemble.whole();
    },
  },
  {
    name: 'a follower is killed',
    async run({ ensemble }) {
      const [follower = ''] = await ensemble.followers();
      await ensemble.kill(follower);
      await ensemble.restart(follower);
      await ensemble.whole();
    },
  },
  {
    name: 'the quorum is lost for longer than the session',
    async run(world) {
      const { ensemble, sessionMs } = world;
      const lost = toldTo(world, 'lost');
      const killed = [await ensemble.leader(), ...(await ensemble.followers()).slice(0, 1)];
      await Promise.all(killed.map((name) => ensemble.kill(name)));
      await pause(1.5 * sessionMs);
      await lost;
      await Promise.all(killed.map((name) => ensemble.restart(name)));
      await ensemble.whole();
    },
  },
  halfOpen('all bytes', { toServer: true, toClient: true }),
  halfOpen('requests', { toServer: true }),
  halfOpen('replies', { toClient: true }),
  {
    name: 'the client is cut off from all servers for longer than its session',
    async run(world) {
      const lost = toldTo(world, 'lost');
      for (const network of world.networks) network.swallow({ toServer: true, toClient: true });
      await lost;
      for (const network of world.networks) network.heal();
    },
  },
  {
    name: 'connections are reset, again and again',
    inShare: true,
    async run({ networks }) {
      for (let i = 0; i < RESETS; i++) {
        for (const network of networks) network.reset();
        await pause(150);
      }
    },
  },
  {
    name: 'the network is slow, and not evenly so',
    async run({ networks, sessionMs }) {
      for (const network of networks) network.slowDown(() => Math.random() * SLOW_MS);
      await pause(SLOW_FOR_SESSIONS * sessionMs);
      for (const network of networks) network.slowDown(() => 0);
    },
  },
];

/** All of them, or those that `npm test` has the time for; of these the ones whose name contains `FAULT`, for a close look at one. */
export const chosenFaults: readonly Fault[] = faults.filter(
  ({ name, inShare }) =>
    (process.env['FAULTS'] !== 'some' || inShare) && name.includes(process.env['FAULT'] ?? ''),
);
