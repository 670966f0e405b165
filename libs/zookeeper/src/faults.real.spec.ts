import { randomUUID } from 'node:crypto';
import { type ConnectionState, SubtreeCache, ZooKeeper } from './index.ts';
import { eventually } from './testing/eventually.ts';
import { TcpProxy } from './testing/tcp-proxy.ts';

const servers = process.env.ZOOKEEPER ?? '127.0.0.1:2181';
const base = `/test-faults-${randomUUID()}`;

describe('ZooKeeper over a broken network, real server', () => {
  let proxy: TcpProxy;
  let zk: ZooKeeper;
  let direct: ZooKeeper;
  let states: ConnectionState[];

  beforeAll(async () => {
    direct = await ZooKeeper.connect({ servers });
    await direct.mkdirp(base);
  });

  beforeEach(async () => {
    proxy = await TcpProxy.to(servers);
    zk = await ZooKeeper.connect({ servers: proxy.address, sessionTimeoutMs: 2000 });
    states = [];
    zk.onState((state) => states.push(state));
  });

  afterEach(async () => {
    proxy.heal();
    await zk.close();
    await proxy.close();
  });

  afterAll(() => direct.close());

  const names = () => states.map(({ name }) => name);

  it('keeps the session and its nodes over a cut, and tells what a watch missed', async () => {
    const { sessionId } = zk;
    const path = `${base}/cut`;
    await zk.create(path, 'a', { mode: 'ephemeral' });
    const seen: string[] = [];
    const watch = (event: { type: string; path: string }) =>
      seen.push(`${event.type} ${event.path.slice(base.length)}`);
    await zk.get(path, { watch });
    await zk.exists(`${path}-later`, { watch });
    await zk.children(base, { watch });
    await zk.exists(`${base}/quiet`, { watch });
    proxy.cut(true);
    await eventually(() => zk.state.name === 'suspended');
    await direct.set(path, 'b');
    await direct.create(`${path}-later`, '');
    const waiting = zk.get(path);
    proxy.cut(false);
    expect((await waiting).data.toString()).toBe('b');
    expect(seen.sort()).toEqual(['changed /cut', 'children ', 'created /cut-later']);
    expect(zk.sessionId).toBe(sessionId);
    expect(names()).toEqual(['suspended', 'connected']);
    await direct.create(`${base}/quiet`, '');
    await eventually(() => seen.includes('created /quiet'));
    expect(zk.watchCount).toBe(0);
  });

  it.each([
    ['both directions', { toServer: true, toClient: true }],
    ['only replies', { toClient: true }],
    ['only requests', { toServer: true }],
  ])('notices silence: %s vanish', async (_, directions) => {
    const { sessionId } = zk;
    const from = performance.now();
    proxy.swallow(directions);
    await eventually(() => zk.state.name === 'suspended');
    const took = performance.now() - from;
    expect(took).toBeGreaterThan(500);
    expect(took).toBeLessThan(2000);
    proxy.heal();
    await eventually(() => zk.state.name === 'connected');
    expect(zk.sessionId).toBe(sessionId);
  });

  it('reports a lost session by itself when nothing is heard, not later than the server ends it', async () => {
    const old = zk.sessionId;
    const path = `${base}/blackhole`;
    await zk.create(path, '', { mode: 'ephemeral' });
    const seen: string[] = [];
    await zk.get(path, { watch: ({ type }) => seen.push(type) });
    let goneAt = Infinity;
    let lostAt = Infinity;
    zk.onState(({ name }) => {
      if (name === 'lost') lostAt = performance.now();
    });
    await direct.exists(path, { watch: () => (goneAt = performance.now()) });
    proxy.swallow({ toServer: true, toClient: true });
    await eventually(() => lostAt < Infinity && goneAt < Infinity);
    expect(lostAt).toBeLessThan(goneAt);
    expect(states.at(-1)).toEqual({ name: 'lost', sessionId: old, reason: 'suspected' });
    expect(seen).toEqual(['session-lost']);
    proxy.heal();
    await eventually(() => zk.state.name === 'connected');
    expect(zk.sessionId).not.toBe(old);
    expect(names()).toEqual(['suspended', 'lost', 'connected']);
  });

  it('learns from the server that its session was ended', async () => {
    const thief = await ZooKeeper.connect({ servers, session: zk.credentials });
    expect(thief.sessionId).toBe(zk.sessionId);
    await thief.close();
    proxy.cut();
    await eventually(() => names().includes('lost'));
    expect(states.find(({ name }) => name === 'lost')).toMatchObject({ reason: 'expired' });
    await eventually(() => zk.state.name === 'connected');
  });

  it('fails requests that wait for longer than the session', async () => {
    proxy.cut(true);
    await eventually(() => zk.state.name === 'suspended');
    const code = await zk.get(base).catch((error: { code: string }) => error.code);
    expect(['ZK_CONNECTION_LOSS', 'ZK_SESSION_EXPIRED']).toContain(code);
  });

  it('restores more watches than one request may carry', async () => {
    const long = 'x'.repeat(400);
    const seen = new Set<string>();
    const paths = Array.from({ length: 1000 }, (_, i) => `${base}/many-${long}-${i}`);
    await Promise.all(paths.map((path) => zk.exists(path, { watch: (event) => seen.add(event.path) })));
    proxy.cut();
    await eventually(() => names().includes('connected'));
    await Promise.all(paths.map((path) => direct.create(path, '')));
    await eventually(() => seen.size === 1000);
    expect(zk.watchCount).toBe(0);
    await Promise.all(paths.map((path) => direct.delete(path)));
  });

  it('shows a subtree through cuts and lost sessions', async () => {
    const path = `${base}/cached`;
    let shown: Record<string, string> | undefined;
    const cache = new SubtreeCache(zk, path, {
      onChange: (nodes) =>
        (shown = Object.fromEntries(
          nodes
            .entries()
            .map(([at, { data }]) => [at.slice(path.length + 1), data.toString()])
            .filter(([name]) => name !== ''),
        )),
    });
    await cache.start();
    expect(shown).toEqual({});
    await direct.mkdirp(path);
    await direct.create(`${path}/a`, '1');
    await direct.create(`${path}/b`, '');
    await eventually(() => JSON.stringify(shown) === '{"a":"1","b":""}');
    proxy.cut(true);
    await eventually(() => zk.state.name === 'suspended');
    await direct.set(`${path}/a`, '2');
    await direct.delete(`${path}/b`);
    await direct.create(`${path}/c`, '3');
    await direct.create(`${path}/a/deep`, 'x');
    expect(shown).toEqual({ a: '1', b: '' });
    proxy.cut(false);
    await eventually(() => JSON.stringify(shown) === '{"a":"2","a/deep":"x","c":"3"}');
    expect([...cache.children().keys()]).toEqual(['a', 'c']);
    await direct.delete(`${path}/a/deep`);
    await eventually(() => JSON.stringify(shown) === '{"a":"2","c":"3"}');
    proxy.swallow({ toServer: true, toClient: true });
    await eventually(() => zk.state.name === 'lost');
    await direct.delete(`${path}/c`);
    await direct.create(`${path}/c`, '4');
    proxy.heal();
    await eventually(() => JSON.stringify(shown) === '{"a":"2","c":"4"}');
    await cache.stop();
    await direct.set(`${path}/a`, 'unseen');
    await zk.get(path);
    expect(shown).toEqual({ a: '2', c: '4' });
    expect(zk.watchCount).toBe(0);
  });
});
