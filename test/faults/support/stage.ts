import { randomUUID } from 'node:crypto';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Ensemble } from './ensemble.ts';
import type { World } from './faults.ts';
import { Network } from './network.ts';

/** As short as servers with a tick of one second allow, and half as much again for a busy machine. */
export const SESSION_MS = 3000;

/** Clients with a network of their own each, beside one that nothing is done to, for one spec. */
export class Stage implements World {
  readonly ensemble = new Ensemble();
  readonly sessionMs = SESSION_MS;
  readonly clients: ZooKeeper[] = [];
  readonly networks: Network[] = [];
  readonly path = `/test-faults-${randomUUID()}`;
  private opened: ZooKeeper | undefined;

  /** On a whole ensemble. */
  static async open(clients: number): Promise<Stage> {
    const stage = new Stage();
    await stage.ensemble.whole();
    stage.opened = await ZooKeeper.connect({ servers: stage.ensemble.servers, sessionTimeoutMs: 30_000 });
    await stage.opened.mkdirp(stage.path);
    for (let i = 0; i < clients; i++) {
      const network = await Network.to(stage.ensemble.servers);
      stage.networks.push(network);
      stage.clients.push(
        await ZooKeeper.connect({ servers: network.servers, sessionTimeoutMs: stage.sessionMs }),
      );
    }
    return stage;
  }

  /** The client that nothing is done to. */
  get direct(): ZooKeeper {
    if (!this.opened) throw new Error('the stage is not open');
    return this.opened;
  }

  async close(): Promise<void> {
    for (const network of this.networks) network.heal();
    await Promise.all(this.clients.map((zk) => zk.close()));
    await Promise.all(this.networks.map((network) => network.close()));
    await this.opened?.close();
  }
}
