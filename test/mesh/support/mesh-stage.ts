import { randomUUID } from 'node:crypto';
import type { ServiceInstance } from '@flashmesh/core';
import { Registry } from '@flashmesh/registry';
import {
  type ChannelSnapshot,
  closeMeshClients,
  createMeshClient,
  type EndpointSnapshot,
  type MeshClient,
  meshSnapshot,
  registerMeshResolver,
} from '@flashmesh/rpc';
import { Echo, load, type Outcomes } from '@flashmesh/rpc/testing';
import { isZooKeeperError, ZooKeeper } from '@flashmesh/zookeeper';
import { ReplicaProcess } from './replica-process.ts';
import { eventually } from '../../support/eventually.ts';

/** Calls a second, half of them of the method that may be repeated, half of the one that may not. */
const CALLS_PER_SECOND = 500;

export interface MeshStageOptions {
  /** ZooKeeper, `host:port,...`. */
  readonly servers: string;
  readonly sessionMs: number;
  /** Which program the replicas run, in this folder. */
  readonly program: 'replica.ts' | 'service.ts';
  /** What they are told besides. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What became of calls that may be repeated, and of calls that may not. */
export interface LoadOutcomes {
  readonly reads: Outcomes;
  readonly writes: Outcomes;
}

/** A node of the registry. */
export interface AnnouncedInstance extends ServiceInstance {
  /** The session that it goes with. */
  readonly session: bigint;
}

/** A service whose replicas are processes that name themselves in a real ZooKeeper, and this process, which calls it. */
export class MeshStage {
  /** Its name, which nobody else has. */
  readonly service = `echo-${randomUUID().slice(0, 8)}`;
  readonly zookeeper: ZooKeeper;
  readonly registry: Registry;
  readonly replicas: ReplicaProcess[] = [];
  private readonly o: MeshStageOptions;

  private constructor(options: MeshStageOptions, zookeeper: ZooKeeper) {
    this.o = options;
    this.zookeeper = zookeeper;
    this.registry = new Registry(zookeeper);
    registerMeshResolver(this.registry);
  }

  static async open(options: MeshStageOptions): Promise<MeshStage> {
    const { servers, sessionMs } = options;
    return new MeshStage(options, await ZooKeeper.connect({ servers, sessionTimeoutMs: sessionMs }));
  }

  /** Starts a replica. Resolves when the registry has it. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<ReplicaProcess> {
    const { program, servers, sessionMs } = this.o;
    const id = `${this.service}-${this.replicas.length + 1}`;
    const replica = new ReplicaProcess(program, id, {
      SERVICE: this.service,
      INSTANCE_ID: id,
      ZOOKEEPER: servers,
      SESSION_MS: String(sessionMs),
      ...this.o.env,
      ...env,
    });
    this.replicas.push(replica);
    await eventually(`${id} to be announced`, async () => {
      replica.requireRunning();
      return (await this.announced()).has(id);
    });
    return replica;
  }

  /** What stands in ZooKeeper, by id; waits while it is out of reach. */
  async announced(): Promise<ReadonlyMap<string, AnnouncedInstance>> {
    let found: ReadonlyMap<string, AnnouncedInstance> | undefined;
    await eventually('ZooKeeper to answer', async () => {
      found = await this.readNodes().catch((error: unknown) => {
        // Also when the machine is so busy that the server is silent for a session.
        if (isZooKeeperError(error) && error.kind === 'unavailable') return undefined;
        throw error;
      });
      return found !== undefined;
    });
    return found ?? new Map();
  }

  /** The node of an instance. */
  pathOf(id?: string): string {
    const service = `/flashmesh/services/${this.service}`;
    return id === undefined ? service : `${service}/${id}`;
  }

  /** A client whose calls fail only by what they are answered: a busy machine has half a minute for each. */
  client(): MeshClient<typeof Echo> {
    return createMeshClient(Echo, {
      target: `zk:///${this.service}`,
      defaultDeadlineMs: 30_000,
      methods: { read: { tryTimeoutMs: 2000 } },
    });
  }

  /** Calls at 500 a second while `deed` is done. */
  async whileCalling(client: MeshClient<typeof Echo>, deed: () => Promise<unknown>): Promise<LoadOutcomes> {
    const done = deed();
    const [reads, writes] = await Promise.all([
      load(CALLS_PER_SECOND / 2, () => client.read({}), done),
      load(CALLS_PER_SECOND / 2, () => client.write({}), done),
    ]);
    return { reads, writes };
  }

  /** How this process sees the service. */
  snapshot(): ChannelSnapshot {
    const found = meshSnapshot().find(({ target }) => target === `zk:///${this.service}`);
    if (!found) throw new Error(`nobody has called ${this.service}`);
    return found;
  }

  /** How this process sees a replica; `undefined` when it does not know it, or no longer. */
  endpoint({ id }: ReplicaProcess): EndpointSnapshot | undefined {
    return this.snapshot().endpoints.find((endpoint) => endpoint.id === id);
  }

  /** `<id> <state>` of every replica that this process knows, sorted. */
  states(): string[] {
    return this.snapshot()
      .endpoints.map(({ id, state }) => `${id} ${state}`)
      .sort();
  }

  /** Attempts at it that failed: not those that were only late, as all are on a machine that is busy with something else. */
  blame(replica: ReplicaProcess): number {
    const endpoint = this.endpoint(replica);
    if (!endpoint) throw new Error(`${replica.id} is not known`);
    return endpoint.failures - endpoint.timeouts;
  }

  /**
   * SIGKILL. Resolves, when this process has lost the connection, with how many attempts were lost at most: those under way at
   * that moment, and those that were sent until it was noticed.
   */
  async kill(replica: ReplicaProcess): Promise<number> {
    const before = this.endpoint(replica);
    if (before?.state !== 'ready') throw new Error(`${replica.id} takes no calls: it is ${before?.state}`);
    const gone = replica.end('SIGKILL');
    let after = before;
    await eventually(`the connection to ${replica.id} to be lost`, () => {
      const now = this.endpoint(replica);
      after = now ?? after;
      return now?.state !== 'ready';
    });
    await gone;
    return before.inFlight + after.attempts - before.attempts;
  }

  private async readNodes(): Promise<ReadonlyMap<string, AnnouncedInstance>> {
    const found = new Map<string, AnnouncedInstance>();
    if (!(await this.zookeeper.exists(this.pathOf()))) return found;
    for (const id of await this.zookeeper.children(this.pathOf())) {
      const node = await this.zookeeper.get(this.pathOf(id)).catch((error: unknown) => {
        if (isZooKeeperError(error, 'ZK_NO_NODE')) return undefined;
        throw error;
      });
      if (!node) continue;
      const instance = JSON.parse(node.data.toString()) as ServiceInstance;
      found.set(id, { ...instance, session: node.stat.ephemeralOwner });
    }
    return found;
  }

  /** Ends everything, also what is frozen or half started. */
  async close(): Promise<void> {
    closeMeshClients();
    await Promise.all(this.replicas.map((replica) => replica.end('SIGKILL')));
    await this.registry.close();
    await this.zookeeper.close();
  }
}
