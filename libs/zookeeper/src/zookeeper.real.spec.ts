import { randomUUID } from 'node:crypto';
import { CREATOR_ALL_ACL, ZooKeeper, ZooKeeperError } from './index.ts';

const servers = process.env.ZOOKEEPER ?? '127.0.0.1:2181';
const base = `/test-zookeeper-${randomUUID()}`;

describe('ZooKeeper, real server', () => {
  let zk: ZooKeeper;

  beforeAll(async () => {
    zk = await ZooKeeper.connect({ servers });
    await zk.mkdirp(base);
  });

  afterAll(async () => {
    await zk.close();
  });

  const code = (error: unknown) => (error instanceof ZooKeeperError ? error.code : error);
  const codeOf = (promise: Promise<unknown>) => promise.then(() => 'none', code);

  it('creates, reads, changes and deletes a node', async () => {
    const path = `${base}/node`;
    const created = await zk.create(path, 'one');
    expect(created.path).toBe(path);
    expect(created.stat).toMatchObject({ version: 0, ephemeralOwner: 0n, dataLength: 3 });
    expect((await zk.get(path)).data.toString()).toBe('one');
    const changed = await zk.set(path, Buffer.from([0, 255]), 0);
    expect(changed.version).toBe(1);
    expect(changed.mzxid).toBeGreaterThan(changed.czxid);
    expect([...(await zk.get(path)).data]).toEqual([0, 255]);
    expect(await zk.children(base)).toContain('node');
    await zk.delete(path, 1);
    expect(await zk.exists(path)).toBeUndefined();
  });

  it('numbers sequential nodes and says who owns an ephemeral one', async () => {
    const first = await zk.create(`${base}/s-`, '', { mode: 'ephemeral-sequential' });
    const second = await zk.create(`${base}/s-`, '', { mode: 'persistent-sequential' });
    expect(first.path).toMatch(/\/s-\d{10}$/);
    expect(second.path > first.path).toBe(true);
    expect(second.stat.czxid).toBeGreaterThan(first.stat.czxid);
    expect(first.stat.ephemeralOwner).toBe(zk.sessionId);
    expect(second.stat.ephemeralOwner).toBe(0n);
  });

  it('names what went wrong', async () => {
    await zk.create(`${base}/e`, '', { mode: 'ephemeral' });
    await zk.mkdirp(`${base}/full/child`);
    expect(await codeOf(zk.get(`${base}/none`))).toBe('ZK_NO_NODE');
    expect(await codeOf(zk.create(`${base}/e`, ''))).toBe('ZK_NODE_EXISTS');
    expect(await codeOf(zk.create(`${base}/e/child`, ''))).toBe('ZK_NO_CHILDREN_FOR_EPHEMERALS');
    expect(await codeOf(zk.set(`${base}/e`, '', 7))).toBe('ZK_BAD_VERSION');
    expect(await codeOf(zk.delete(`${base}/full`))).toBe('ZK_NOT_EMPTY');
    expect(await codeOf(zk.get('no-slash'))).toBe('ZK_BAD_ARGUMENTS');
    expect(await codeOf(zk.create(`${base}/big`, Buffer.alloc(1 << 20)))).toBe('ZK_FRAME_TOO_LARGE');
    expect(zk.state.name).toBe('connected');
  });

  it('carries data just below the limit', async () => {
    const data = Buffer.alloc(1_000_000, 'x');
    await zk.create(`${base}/large`, data);
    expect((await zk.get(`${base}/large`)).data.equals(data)).toBe(true);
  });

  it('pipelines requests and answers each with its own reply', async () => {
    const created = await Promise.all(
      Array.from({ length: 500 }, (_, i) => zk.create(`${base}/p${i}`, `${i}`)),
    );
    expect(created.map(({ path }) => path)).toEqual(created.map((_, i) => `${base}/p${i}`));
    const read = await Promise.all(created.map(({ path }) => zk.get(path)));
    expect(read.map(({ data }) => Number(data))).toEqual(created.map((_, i) => i));
  });

  it('fires each watch once', async () => {
    const path = `${base}/watched`;
    const seen: string[] = [];
    const watch = (event: { type: string; path: string }) => seen.push(`${event.type} ${event.path}`);
    expect(await zk.exists(path, { watch })).toBeUndefined();
    expect(await codeOf(zk.get(path, { watch: () => seen.push('armed by a failed call') }))).toBe(
      'ZK_NO_NODE',
    );
    await zk.create(path, 'a');
    expect(seen.splice(0)).toEqual([`created ${path}`]);
    await Promise.all([zk.get(path, { watch }), zk.exists(path, { watch }), zk.children(path, { watch })]);
    await zk.create(`${path}/child`, '');
    await zk.set(path, 'b');
    await zk.set(path, 'c');
    expect(seen.splice(0)).toEqual([`children ${path}`, `changed ${path}`, `changed ${path}`]);
    await zk.get(path, { watch });
    await zk.delete(`${path}/child`);
    await zk.delete(path);
    expect(seen).toEqual([`deleted ${path}`]);
    expect(zk.watchCount).toBe(0);
  });

  it('lets ephemeral nodes go at once when it is closed', async () => {
    const other = await ZooKeeper.connect({ servers });
    const path = `${base}/closed`;
    await other.create(path, '', { mode: 'ephemeral' });
    expect(await zk.exists(path)).toBeDefined();
    const closing = other.close();
    await closing;
    expect(await zk.exists(path)).toBeUndefined();
    expect(other.state).toEqual({ name: 'closed' });
    expect(await codeOf(other.get('/'))).toBe('ZK_CLOSED');
  });

  it('works beneath a chroot', async () => {
    const rooted = await ZooKeeper.connect({ servers: `${servers}${base}/chroot` });
    await rooted.mkdirp('/a/b');
    const events: string[] = [];
    await rooted.exists('/a/b/c', { watch: (event) => events.push(event.path) });
    expect((await rooted.create('/a/b/c', '')).path).toBe('/a/b/c');
    expect(events).toEqual(['/a/b/c']);
    expect(await rooted.children('/')).toEqual(['a']);
    expect(await zk.exists(`${base}/chroot/a/b/c`)).toBeDefined();
    await rooted.close();
  });

  it('authenticates', async () => {
    const owner = await ZooKeeper.connect({ servers });
    await owner.addAuth('digest', 'ann:secret');
    const path = `${base}/private`;
    await owner.create(path, 'x', { acl: CREATOR_ALL_ACL });
    expect(await codeOf(zk.get(path))).toBe('ZK_NO_AUTH');
    expect((await owner.get(path)).data.toString()).toBe('x');
    expect(await codeOf(owner.addAuth('no-such-scheme', 'x'))).toBe('ZK_AUTH_FAILED');
    // The server drops the connection; the session and the good credentials come back.
    expect((await owner.get(path)).data.toString()).toBe('x');
    await owner.close();
  });

  it('ends a call when its signal aborts, and goes on', async () => {
    const abort = new AbortController();
    const pending = zk.get(base, { signal: abort.signal });
    abort.abort();
    await expect(pending).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(zk.get(base, { signal: abort.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await zk.exists(base)).toBeDefined();
  });

  it('gives up connecting when it takes too long', async () => {
    const connecting = ZooKeeper.connect({ servers: '127.0.0.1:1', initialTimeoutMs: 200 });
    await expect(connecting).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});
