import { sleep } from '@flashmesh/core';
import { warmUp } from '@flashmesh/rpc/testing';
import { eventually } from '../../support/eventually.ts';
import type { AnnouncedInstance, MeshStage } from './mesh-stage.ts';
import type { ReplicaProcess } from './replica-process.ts';

/** The servers that name the replicas, all of them. */
export interface NamingServers {
  /** SIGKILL, and resolves when they are gone. */
  down(): Promise<void>;
  /** Starts them with the data that they had; resolves when they serve. */
  up(): Promise<void>;
}

/**
 * Takes ZooKeeper away from three replicas and their caller while calls go on, for several sessions; kills a replica meanwhile; and
 * brings ZooKeeper back. Fails where the mesh does not stand it.
 */
export async function survivesOutage(
  stage: MeshStage,
  naming: NamingServers,
  outageMs: number,
): Promise<void> {
  const replicas = await Promise.all([stage.start(), stage.start(), stage.start()]);
  const [victim, ...left] = replicas;
  const client = stage.client();
  await warmUp(replicas.length, () => client.read({}));
  const before = await stage.announced();

  const without = await stage.whileCalling(client, async () => {
    await eventually('the list to be fresh', () => stage.snapshot().staleMs === 0);
    await naming.down();
    await eventually('the list to be called stale', () => stage.snapshot().staleMs > 0);
    const { staleMs, endpoints } = stage.snapshot();
    await sleep(outageMs / 2);
    // The last list stays in use, as that which it is: older by the time that has passed.
    expect(stage.snapshot().staleMs).toBeGreaterThanOrEqual(staleMs + 0.9 * (outageMs / 2));
    expect(stage.snapshot().endpoints.map(({ id }) => id)).toEqual(endpoints.map(({ id }) => id));
  });
  expect(without.reads.failures).toEqual([]);
  expect(without.writes.failures).toEqual([]);
  for (const { pid } of replicas) expect(without.writes.answers.get(pid)).toBeGreaterThan(0);

  let lost = 0;
  const crash = await stage.whileCalling(client, async () => {
    await sleep(500);
    lost = await stage.kill(victim);
    await sleep(outageMs / 2);
    // Nobody says that it is gone: it is known to have no connection.
    expect(stage.endpoint(victim)).toBeDefined();
  });
  expect(crash.reads.failures).toEqual([]);
  expect(crash.writes.failures.length).toBeLessThanOrEqual(lost);
  for (const replica of left) expect(stage.blame(replica)).toBe(0);

  const after = await stage.whileCalling(client, async () => {
    await naming.up();
    await announcedAnew(stage, left, before);
    // Its node goes with its session, and it goes when a probe has found nobody there.
    await eventually('the one that was killed to be dropped', () => stage.endpoint(victim) === undefined);
    await eventually('the list to be fresh', () => stage.snapshot().staleMs === 0);
    await sleep(1000);
    // What somebody deletes is made again.
    const [{ id }] = left;
    await stage.zookeeper.delete(stage.pathOf(id));
    await eventually('the deleted node to be back', async () => (await stage.announced()).has(id));
  });
  expect(after.reads.failures).toEqual([]);
  expect(after.writes.failures).toEqual([]);
  expect([...(await stage.announced()).keys()].sort()).toEqual(left.map(({ id }) => id));
  expect(stage.states()).toEqual(left.map(({ id }) => `${id} ready`));
}

/** Resolves when each of them stands in ZooKeeper, with a session that it did not have before. */
export async function announcedAnew(
  stage: MeshStage,
  replicas: readonly ReplicaProcess[],
  before: ReadonlyMap<string, AnnouncedInstance>,
): Promise<void> {
  await eventually('replicas to be announced by new sessions', async () => {
    const now = await stage.announced();
    return replicas.every(({ id }) => {
      const session = now.get(id)?.session;
      return session !== undefined && session !== before.get(id)?.session;
    });
  });
}
