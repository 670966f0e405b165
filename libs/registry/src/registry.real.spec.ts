import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { ServiceInstance } from '@flashmesh/core';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { eventually } from '@flashmesh/zookeeper/testing';
import { Registry } from './index.ts';

const servers = process.env.ZOOKEEPER ?? '127.0.0.1:2181';

describe('Registry, real server', () => {
  const instanceOf = (id: string, port = 1): ServiceInstance => ({
    id,
    address: `127.0.0.1:${port}`,
    version: '1.2.3',
    zone: 'local',
    weight: 1,
  });
  let root: string;
  let clients: ZooKeeper[];
  let watcher: Registry;
  let seen: (readonly ServiceInstance[])[];
  const ids = () =>
    seen
      .at(-1)
      ?.map(({ id }) => id)
      .join();

  const connect = async () => {
    const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: 2000 });
    clients.push(zk);
    return { zk, registry: new Registry(zk, { root, metadataRoot: `${root}-metadata` }) };
  };

  beforeEach(async () => {
    root = `/test-registry-${randomUUID()}`;
    clients = [];
    seen = [];
    watcher = (await connect()).registry;
    watcher.watch('shop', (instances) => seen.push(instances));
    await eventually(() => ids() === '');
  });

  afterEach(async () => {
    await watcher.close();
    await Promise.all(clients.map((zk) => zk.close()));
  });

  it('shows instances that come and, at once, those that are withdrawn or closed', async () => {
    const [one, two] = [await connect(), await connect()];
    const announcement = await one.registry.announce('shop', instanceOf('one', 5001));
    await two.registry.announce('shop', instanceOf('two', 5002));
    await eventually(() => ids() === 'one,two');
    expect(seen.at(-1)?.[0]).toEqual(instanceOf('one', 5001));
    const late: (readonly ServiceInstance[])[] = [];
    const stop = watcher.watch('shop', (instances) => late.push(instances));
    expect(late).toEqual([]);
    await eventually(() => late.length === 1);
    stop();
    const from = performance.now();
    await announcement.withdraw();
    await eventually(() => ids() === 'two');
    await two.registry.close();
    await eventually(() => ids() === '');
    expect(performance.now() - from).toBeLessThan(500);
    expect(late).toHaveLength(1);
  });

  it('tells what a service serves apart from its instances, once a revision', async () => {
    const [one, two] = [await connect(), await connect()];
    const methods = ['/shop.v1.Shop/Buy', '/shop.v1.Shop/Browse', '/shop.v1.Admin/Close'];
    const revision = await one.registry.publish('shop', { methods });
    expect(await two.registry.publish('shop', { methods: methods.toReversed() })).toBe(revision);
    const next = await two.registry.publish('shop', { methods: methods.slice(1) });
    expect(next).not.toBe(revision);
    const folder = `${root}-metadata/shop`;
    expect((await one.zk.children(folder)).toSorted()).toEqual([revision, next].toSorted());
    await one.registry.announce('shop', { ...instanceOf('one'), revision });
    await eventually(() => ids() === 'one');
    expect(seen.at(-1)).toEqual([{ ...instanceOf('one'), revision }]);
    expect((await two.zk.get(`${root}/shop/one`)).data.toString()).not.toContain('Browse');
    expect((await watcher.metadata('shop', revision))?.methods).toEqual(methods.toSorted());
    // It never changes, so nobody is asked twice.
    await one.zk.delete(`${folder}/${revision}`);
    expect((await watcher.metadata('shop', revision))?.methods).toHaveLength(3);
    expect(await two.registry.metadata('shop', revision)).toBeUndefined();
    await one.zk.create(`${folder}/rubbish`, 'not json');
    expect(await two.registry.metadata('shop', 'rubbish')).toBeUndefined();
    await expect(two.registry.metadata('shop', '../x')).rejects.toMatchObject({ field: 'revision' });
  });

  it('says that an instance drains, and goes on saying so when its node is lost', async () => {
    const { registry } = await connect();
    const other = (await connect()).zk;
    const announcement = await registry.announce('shop', instanceOf('leaving'));
    await eventually(() => ids() === 'leaving');
    await announcement.drain();
    await eventually(() => seen.at(-1)?.[0]?.state === 'draining');
    await other.delete(`${root}/shop/leaving`);
    await eventually(async () => (await other.exists(`${root}/shop/leaving`)) !== undefined);
    expect((await other.get(`${root}/shop/leaving`)).data.toString()).toContain('"state":"draining"');
    await announcement.withdraw();
    await eventually(() => ids() === '');
    // Too late to matter, and not an error.
    await announcement.drain();
  });

  it('keeps who lives when all nodes are wiped, and says how old what it shows may be', async () => {
    const { zk, registry } = await connect();
    const listener = createServer().listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    await registry.announce('shop', instanceOf('alive', port));
    await eventually(() => ids() === 'alive');
    expect(watcher.staleMs('shop')).toBe(0);
    seen = [];
    zk.destroy();
    // Its session expires: as far as ZooKeeper knows, nobody is left.
    const other = (await connect()).zk;
    await eventually(async () => (await other.exists(`${root}/shop/alive`)) === undefined);
    await eventually(() => seen.length > 0 && watcher.staleMs('shop') > 0);
    expect(ids()).toBe('alive');
    listener.close();
    await eventually(() => ids() === '');
    expect(watcher.staleMs('shop')).toBe(0);
  });

  it('shows an instance gone within its session timeout when its process dies', async () => {
    const { zk, registry } = await connect();
    await registry.announce('shop', instanceOf('mortal'));
    await eventually(() => ids() === 'mortal');
    const from = performance.now();
    zk.destroy();
    await eventually(() => ids() === '');
    // The server rounds up to its tick.
    expect(performance.now() - from).toBeLessThan(zk.sessionTimeoutMs + 1500);
  });

  it('puts an instance back that somebody deleted or changed, and after a lost session', async () => {
    const { zk, registry } = await connect();
    const other = (await connect()).zk;
    await registry.announce('shop', instanceOf('back'));
    const path = `${root}/shop/back`;
    const owner = async () => (await other.exists(path))?.ephemeralOwner;
    await other.delete(path);
    await eventually(async () => (await owner()) === zk.sessionId);
    await other.set(path, 'graffiti');
    await eventually(async () => (await other.get(path)).data.toString().includes('"id":"back"'));
    const old = zk.sessionId;
    const thief = await ZooKeeper.connect({ servers, session: zk.credentials });
    await thief.close();
    await eventually(
      async () => zk.sessionId !== old && zk.sessionId !== 0n && (await owner()) === zk.sessionId,
    );
    await eventually(() => ids() === 'back');
    expect(seen.at(-1)).toEqual([instanceOf('back')]);
  });

  it('replaces what a process before left behind, and never fights over a name', async () => {
    const [old, renewed] = [await connect(), await connect()];
    await old.registry.announce('shop', instanceOf('same', 1));
    await renewed.registry.announce('shop', instanceOf('same', 2));
    await eventually(() => seen.at(-1)?.[0]?.address === '127.0.0.1:2');
    await new Promise((resolve) => setTimeout(resolve, 200));
    const stat = await renewed.zk.exists(`${root}/shop/same`);
    expect(stat?.ephemeralOwner).toBe(renewed.zk.sessionId);
    // The old one does not take the new one's node along; and it is there again when the new one goes.
    await renewed.registry.close();
    await eventually(() => seen.at(-1)?.[0]?.address === '127.0.0.1:1');
    await old.registry.close();
    await eventually(() => ids() === '');
  });

  it('ignores nodes that are no instances, and refuses names that are none', async () => {
    const { zk, registry } = await connect();
    await zk.mkdirp(`${root}/shop`);
    await zk.create(`${root}/shop/rubbish`, 'not json');
    await registry.announce('shop', instanceOf('good'));
    await eventually(() => ids() === 'good');
    await expect(registry.announce('a/b', instanceOf('x'))).rejects.toMatchObject({ field: 'service' });
    await expect(registry.announce('shop', instanceOf('a/b'))).rejects.toMatchObject({
      field: 'instance.id',
    });
    await expect(registry.announce('shop', { ...instanceOf('c'), address: 'c' })).rejects.toMatchObject({
      field: 'instance',
    });
  });
});
