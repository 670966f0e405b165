import { sleep } from '@flashmesh/core';
import { warmUp } from '@flashmesh/rpc/testing';
import { freePorts, ZooKeeperServer } from '@flashmesh/zookeeper/testing';
import { eventually } from '../support/eventually.ts';
import { MeshStage } from './support/mesh-stage.ts';
import { announcedAnew, survivesOutage } from './support/outage.ts';

/** Twice the least that the server allows, whose tick is half a second. */
const SESSION_MS = 2000;
/** Ten sessions; `npm run test:faults` takes three servers away for a minute. */
const OUTAGE_MS = 20_000;

describe('ZooKeeper goes away, with real replicas under load', () => {
  let server: ZooKeeperServer;
  let stage: MeshStage;

  beforeEach(async () => {
    const [clientPort] = (await freePorts(1)) as [number];
    server = await ZooKeeperServer.prepare({
      config: { clientPort, clientPortAddress: '127.0.0.1', extendedTypesEnabled: true },
    });
    await server.start();
    stage = await MeshStage.open({
      servers: `127.0.0.1:${clientPort}`,
      sessionMs: SESSION_MS,
      program: 'replica.ts',
      env: { DELAY_MS: '20' },
    });
  });

  afterEach(async () => {
    await stage?.close();
    await server?.dispose();
  });

  it('no call fails but those under way to a replica that is killed meanwhile, if they may not be repeated', async () => {
    const naming = { down: () => server.kill(), up: () => server.start() };
    await survivesOutage(stage, naming, OUTAGE_MS);
  });

  it('no call fails when it comes back without its data', async () => {
    const replicas = await Promise.all([stage.start(), stage.start(), stage.start()]);
    const client = stage.client();
    await warmUp(replicas.length, () => client.read({}));
    const { reads, writes } = await stage.whileCalling(client, async () => {
      const before = await stage.announced();
      const { options } = server;
      await server.dispose();
      server = await ZooKeeperServer.prepare(options);
      // Whoever had a session has lost it, so that nobody asks the new server for one that it never had.
      await sleep(1.5 * SESSION_MS);
      await server.start();
      await announcedAnew(stage, replicas, before);
      await eventually('the list to be fresh', () => stage.snapshot().staleMs === 0);
      await sleep(500);
    });
    expect(reads.failures).toEqual([]);
    expect(writes.failures).toEqual([]);
    expect(stage.states()).toEqual(replicas.map(({ id }) => `${id} ready`));
  });
});
