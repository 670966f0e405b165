import { randomUUID } from 'node:crypto';
import { isZooKeeperError, OPEN_ACL, TransactionRefused, type WatchEvent, ZooKeeper } from './index.ts';
import { eventually } from './testing/eventually.ts';

const servers = process.env.ZOOKEEPER ?? '127.0.0.1:2181';
const base = `/test-operations-${randomUUID()}`;

describe('operations, real server, below a chroot', () => {
  let root: ZooKeeper;
  let zk: ZooKeeper;
  const others: ZooKeeper[] = [];

  beforeAll(async () => {
    root = await ZooKeeper.connect({ servers });
    zk = await ZooKeeper.connect({ servers: `${servers}${base}` });
    await zk.mkdirp('/');
  });

  afterAll(() => Promise.all([root, zk, ...others].map((client) => client.close())));

  const code = (error: unknown) => (isZooKeeperError(error) ? error.code : error);
  const codeOf = (promise: Promise<unknown>) => promise.then(() => 'none', code);

  it('creates containers, and nodes with a time to live', async () => {
    const { path, stat } = await zk.create('/container', '', { mode: 'container' });
    expect([path, stat.ephemeralOwner]).toEqual(['/container', 0n]);
    await zk.create('/container/child', '', { mode: 'ephemeral' });
    const lasting = await zk.create('/ttl', 'x', { mode: 'ttl', ttlMs: 60_000 });
    expect([lasting.path, (await zk.get('/ttl')).data.toString()]).toEqual(['/ttl', 'x']);
    const numbered = await zk.create('/ttl-', '', { mode: 'ttl-sequential', ttlMs: 60_000 });
    expect(numbered.path).toMatch(/^\/ttl-\d{10}$/);
    expect(await codeOf(zk.create('/x', '', { mode: 'ttl' }))).toBe('ZK_BAD_ARGUMENTS');
    expect(await codeOf(zk.create('/x', '', { ttlMs: 5 }))).toBe('ZK_BAD_ARGUMENTS');
  });

  it('does a transaction as a whole', async () => {
    const [made, , changed, counted] = await zk.transaction([
      { op: 'create', path: '/t-', data: 'one', mode: 'persistent-sequential' },
      { op: 'create', path: '/t', data: '' },
      { op: 'set', path: '/t', data: 'two' },
      { op: 'create', path: '/t/container', mode: 'container' },
      { op: 'check', path: '/t', version: 1 },
      { op: 'delete', path: '/t/container' },
    ]);
    expect(made.path).toMatch(/^\/t-\d{10}$/);
    expect(changed.version).toBe(1);
    expect(counted.path).toBe('/t/container');
    expect(made.stat.czxid).toBe(changed.mzxid);
    const read = await zk.readAll([
      { op: 'get', path: '/t' },
      { op: 'children', path: '/t' },
      { op: 'get', path: '/none' },
      { op: 'get', path: made.path },
    ]);
    expect(read[0]).toMatchObject({ data: Buffer.from('two') });
    expect(read[1]).toEqual([]);
    expect(read[2]).toMatchObject({ code: 'ZK_NO_NODE' });
    expect(read[3]).toMatchObject({ data: Buffer.from('one') });
  });

  it('does nothing of a transaction that is refused, and says which operation was at fault', async () => {
    await zk.create('/refused', 'before');
    const refused = zk.transaction([
      { op: 'set', path: '/refused', data: 'after' },
      { op: 'check', path: '/refused', version: 7 },
      { op: 'create', path: '/never' },
    ]);
    await expect(refused).rejects.toBeInstanceOf(TransactionRefused);
    await expect(refused).rejects.toMatchObject({ code: 'ZK_BAD_VERSION', index: 1, path: '/refused' });
    expect((await zk.get('/refused')).data.toString()).toBe('before');
    expect(await zk.exists('/never')).toBeUndefined();
  });

  it('reads a list with its stat, counts, and lists what is ephemeral', async () => {
    await zk.mkdirp('/tree/a/b');
    await zk.create('/tree/e', '', { mode: 'ephemeral' });
    const { children, stat } = await zk.childrenAndStat('/tree');
    expect(children.sort()).toEqual(['a', 'e']);
    expect(stat.numChildren).toBe(2);
    expect(await zk.countDescendants('/tree')).toBe(3);
    expect(await zk.ephemerals('/tree')).toEqual(['/tree/e']);
    expect(await root.ephemerals('/')).toEqual([]);
  });

  it('reads and replaces an ACL', async () => {
    await zk.create('/acl', '');
    const read = await zk.getAcl('/acl');
    expect([read.acl, read.stat.aversion]).toEqual([OPEN_ACL, 0]);
    const readOnly = [{ permissions: 17, scheme: 'world', id: 'anyone' }];
    expect((await zk.setAcl('/acl', readOnly, 0)).aversion).toBe(1);
    expect(await codeOf(zk.set('/acl', 'x'))).toBe('ZK_NO_AUTH');
    expect(await codeOf(zk.setAcl('/acl', OPEN_ACL, 0))).toBe('ZK_BAD_VERSION');
    expect((await zk.getAcl('/acl')).acl).toEqual(readOnly);
  });

  it('synchronizes, and says who it is', async () => {
    await zk.sync('/');
    const other = await ZooKeeper.connect({ servers });
    others.push(other);
    await other.addAuth('digest', 'ann:secret');
    const who = await other.whoAmI();
    expect(who).toContainEqual({ scheme: 'digest', user: 'ann' });
    expect(who.map(({ scheme }) => scheme)).toContain('ip');
  });

  /** Where it may be changed: `reconfig.real.spec.ts`. */
  it('reads the configuration of the ensemble, and may not change it here', async () => {
    // Written by servers that are told of each other; one alone has an empty one.
    const { stat } = await zk.getConfig();
    expect(stat.version).toBeGreaterThanOrEqual(-1);
    expect(await codeOf(zk.reconfig({ leaving: ['9'] }))).toMatch(
      /^ZK_(RECONFIG_DISABLED|NO_AUTH|UNIMPLEMENTED)$/,
    );
  });

  it('watches a node for good', async () => {
    const seen: WatchEvent[] = [];
    const until = new AbortController();
    await zk.watch('/watched', (event) => seen.push(event), { until: until.signal });
    expect(await zk.hasWatch('/watched', 'persistent')).toBe(true);
    await zk.create('/watched', '');
    await zk.set('/watched', '1');
    await zk.create('/watched/child', '');
    await zk.delete('/watched/child');
    await zk.delete('/watched');
    await zk.create('/watched', '');
    expect(seen.map(({ type, path }) => `${type} ${path}`)).toEqual([
      'created /watched',
      'changed /watched',
      'children /watched',
      'children /watched',
      'deleted /watched',
      'created /watched',
    ]);
    until.abort();
    await eventually(async () => !(await zk.hasWatch('/watched', 'persistent')));
    await zk.set('/watched', '2');
    expect(seen).toHaveLength(6);
    expect(zk.watchCount).toBe(0);
  });

  it('watches a tree for good, beside a watch of its top', async () => {
    const tree: string[] = [];
    const top: string[] = [];
    await zk.mkdirp('/deep/a');
    await zk.watch('/deep', ({ type, path }) => tree.push(`${type} ${path}`), { recursive: true });
    await zk.watch('/deep', ({ type, path }) => top.push(`${type} ${path}`));
    await zk.create('/deep/a/b', '');
    await zk.set('/deep/a', 'x');
    await zk.delete('/deep/a/b');
    await zk.set('/deep', 'x');
    expect(tree).toEqual(['created /deep/a/b', 'changed /deep/a', 'deleted /deep/a/b', 'changed /deep']);
    expect(top).toEqual(['changed /deep']);
    await zk.removeWatches('/deep', 'recursive');
    expect(tree.at(-1)).toBe('removed /deep');
    await zk.create('/deep/c', '');
    expect(tree).toHaveLength(5);
    expect(top).toEqual(['changed /deep', 'children /deep']);
    await zk.removeWatches('/deep', 'any');
    expect(top.at(-1)).toBe('removed /deep');
    expect(await codeOf(zk.removeWatches('/deep'))).toBe('ZK_NO_WATCHER');
    expect(zk.watchCount).toBe(0);
  });

  it('takes a one-shot watch back, and leaves the others of the node', async () => {
    await zk.create('/back', '');
    const until = new AbortController();
    const seen: string[] = [];
    await zk.get('/back', { watch: () => seen.push('mine'), watchUntil: until.signal });
    await zk.get('/back', { watch: () => seen.push('other') });
    until.abort();
    expect(await zk.hasWatch('/back', 'data')).toBe(true);
    await zk.set('/back', '1');
    await eventually(() => seen.length > 0);
    expect(seen).toEqual(['other']);
    const late = new AbortController();
    await zk.children('/back', { watch: () => seen.push('late'), watchUntil: late.signal });
    expect(await zk.hasWatch('/back', 'children')).toBe(true);
    late.abort();
    expect(await zk.hasWatch('/back', 'children')).toBe(false);
    expect(zk.watchCount).toBe(0);
  });
});
