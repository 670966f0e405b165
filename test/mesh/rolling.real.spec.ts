import { sleep } from '@flashmesh/core';
import { warmUp } from '@flashmesh/rpc/testing';
import { eventually } from '../support/eventually.ts';
import { MeshStage } from './support/mesh-stage.ts';

const { ZOOKEEPER = '127.0.0.1:2181' } = process.env;
const REPLICAS = 3;

describe('replicas that stop under load, as services are, named in the real ZooKeeper', () => {
  let stage: MeshStage;

  beforeEach(async () => {
    stage = await MeshStage.open({
      servers: ZOOKEEPER,
      sessionMs: 4000,
      program: 'service.ts',
      env: {
        DELAY_MS: '20',
        ZOOKEEPER_SESSION_TIMEOUT_MS: '4000',
        HEALTH_PORT: '0',
        GRPC_PORT: '0',
        // Not even a machine that is busy with something else has too much to do.
        GRPC_TOLERATED_MS: '10000',
        LOG_LEVEL: 'warn',
      },
    });
    await Promise.all(Array.from({ length: REPLICAS }, () => stage.start()));
  });

  afterEach(() => stage?.close());

  it('each is restarted without a failed call, once it has said in its node that it drains', async () => {
    const client = stage.client();
    await warmUp(REPLICAS, () => client.read({}));
    const old = [...stage.replicas];
    const saidSo = new Set<string>();
    const unwatch = stage.registry.watch(stage.service, (instances) => {
      for (const { id, state } of instances) if (state === 'draining') saidSo.add(id);
    });
    const { reads, writes } = await stage.whileCalling(client, async () => {
      for (const replica of old) {
        await stage.start();
        await replica.end('SIGTERM');
      }
      await sleep(500);
    });
    unwatch();
    expect(reads.failures).toEqual([]);
    expect(writes.failures).toEqual([]);
    expect([...saidSo]).toEqual(old.map(({ id }) => id));
    const fresh = stage.replicas.filter(({ running }) => running);
    expect([...(await stage.announced()).keys()].sort()).toEqual(fresh.map(({ id }) => id).sort());
    for (const { pid } of [...old, ...fresh]) expect(writes.answers.get(pid)).toBeGreaterThan(0);
  });

  it('one is killed: what may be repeated does not fail, and what may not fails only if it was under way to it', async () => {
    const client = stage.client();
    await warmUp(REPLICAS, () => client.read({}));
    const [victim, ...left] = stage.replicas as [MeshStage['replicas'][number]];
    let lost = 0;
    const { reads, writes } = await stage.whileCalling(client, async () => {
      await sleep(1000);
      lost = await stage.kill(victim);
      await eventually('its node to go with its session', async () => {
        return !(await stage.announced()).has(victim.id) && stage.endpoint(victim) === undefined;
      });
      await sleep(500);
    });
    expect(reads.failures).toEqual([]);
    expect(writes.failures.length).toBeLessThanOrEqual(lost);
    for (const replica of left) expect(stage.blame(replica)).toBe(0);
    expect(writes.answers.get(victim.pid)).toBeGreaterThan(0);
  });
});
