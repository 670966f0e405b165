import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ZooKeeper, type ZooKeeperOptions } from './index.ts';
import { Authority, hasOpenssl } from './testing/authority.ts';
import { eventually } from './testing/eventually.ts';
import { TcpProxy } from './testing/tcp-proxy.ts';
import { freePorts, ZooKeeperServer } from './testing/zookeeper-server.ts';

/** What needs escapes in the exchange, and what other character sets write otherwise. */
const BOBS_PASSWORD = String.raw`b"o\b`;
const CARLS_PASSWORD = 'pässwörd';
const DORAS_PASSWORD = '秒杀';
const USERS = { ann: 'secret', bob: BOBS_PASSWORD, carl: CARLS_PASSWORD, dora: DORAS_PASSWORD };

describe('SASL, a real server that requires it', () => {
  let folder: string;
  let server: ZooKeeperServer;
  let plain: string;
  let secure: string;
  let authority: Authority;
  const clients: ZooKeeper[] = [];

  const jaas = (users: Record<string, string>) =>
    writeFile(
      join(folder, 'jaas.conf'),
      `Server {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n${Object.entries(users)
        .map(([user, password]) => `  user_${user}="${password.replaceAll(/[\\"]/g, String.raw`\$&`)}"`)
        .join('\n')};\n};\n`,
    );
  const connect = async (o: Partial<ZooKeeperOptions> = {}) => {
    const zk = await ZooKeeper.connect({
      servers: plain,
      sessionTimeoutMs: 20_000,
      initialTimeoutMs: 60_000,
      ...o,
    });
    clients.push(zk);
    return zk;
  };
  const as = (username: string, password: string | (() => string)) => ({
    sasl: { username, password: typeof password === 'string' ? () => password : password },
  });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flashmesh-sasl-'));
    const ports = await freePorts(2);
    [plain, secure] = ports.map((port) => `127.0.0.1:${port}`) as [string, string];
    await jaas(USERS);
    const tls: Record<string, string | number> = {};
    if (hasOpenssl) {
      authority = new Authority(folder, 'authority');
      Object.assign(tls, {
        secureClientPort: ports[1],
        secureClientPortAddress: '127.0.0.1',
        'ssl.keyStore.location': authority.issue('server').store,
        'ssl.trustStore.location': authority.cert,
        'ssl.trustStore.type': 'PEM',
        'ssl.clientAuth': 'none',
      });
    }
    server = await ZooKeeperServer.prepare({
      config: {
        clientPort: ports[0] as number,
        clientPortAddress: '127.0.0.1',
        serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
        'authProvider.sasl': 'org.apache.zookeeper.server.auth.SASLAuthenticationProvider',
        requireClientAuthScheme: 'sasl',
        sessionRequireClientSASLAuth: true,
        maxSessionTimeout: 60_000,
        ...tls,
      },
      properties: { 'java.security.auth.login.config': join(folder, 'jaas.conf') },
    });
    await server.start();
  });

  afterEach(() => Promise.all(clients.splice(0).map((zk) => zk.close())));

  afterAll(async () => {
    await server?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    ['ann', 'secret'],
    ['bob', BOBS_PASSWORD],
    ['carl', CARLS_PASSWORD],
    ['dora', DORAS_PASSWORD],
  ])('takes the right password of %s', async (user, password) => {
    const zk = await connect(as(user, password));
    expect(await zk.whoAmI()).toContainEqual({ scheme: 'sasl', user });
  });

  it.each([
    ['a wrong password', 'ann', 'wrong'],
    ['a user that is unknown', 'nobody', 'secret'],
  ])('refuses %s at once', async (_what, user, password) => {
    await expect(connect(as(user, password))).rejects.toMatchObject({
      code: 'ZK_AUTH_FAILED',
      kind: 'unauthenticated',
    });
  });

  it('answers nobody who does not authenticate', async () => {
    const zk = await connect();
    await expect(zk.exists('/')).rejects.toMatchObject({ code: 'ZK_SASL_REQUIRED' });
  });

  it('gives a node to a user and nobody else', async () => {
    const [ann, bob] = [await connect(as('ann', 'secret')), await connect(as('bob', BOBS_PASSWORD))];
    await ann.create('/private', 'x', { acl: [{ permissions: 31, scheme: 'sasl', id: 'ann' }] });
    expect((await ann.get('/private')).data.toString()).toBe('x');
    await expect(bob.get('/private')).rejects.toMatchObject({ code: 'ZK_NO_AUTH' });
    await expect(bob.set('/private', 'y')).rejects.toMatchObject({ code: 'ZK_NO_AUTH' });
  });

  it('authenticates again on each connection, before what waited', async () => {
    const proxy = await TcpProxy.to(plain);
    try {
      const zk = await connect({ servers: proxy.address, ...as('ann', 'secret') });
      const { sessionId } = zk;
      await zk.create('/again', 'x', {
        mode: 'ephemeral',
        acl: [{ permissions: 31, scheme: 'sasl', id: 'ann' }],
      });
      proxy.cut(true);
      await eventually(() => zk.state.name === 'suspended');
      const waiting = zk.get('/again');
      proxy.cut(false);
      expect((await waiting).data.toString()).toBe('x');
      expect(zk.sessionId).toBe(sessionId);
      await zk.close();
    } finally {
      await proxy.close();
    }
  });

  it('keeps its session when the password is changed at the server, as soon as it has the new one', async () => {
    let password = 'secret';
    const zk = await connect(as('ann', () => password));
    const { sessionId } = zk;
    await jaas({ ...USERS, ann: 'changed' });
    await server.kill();
    await eventually(() => zk.state.name === 'suspended');
    const waiting = zk.exists('/');
    await server.start();
    await expect(connect(as('ann', 'secret'))).rejects.toMatchObject({ code: 'ZK_AUTH_FAILED' });
    expect(zk.state.name).toBe('suspended');
    password = 'changed';
    expect(await waiting).toBeDefined();
    expect(zk.sessionId).toBe(sessionId);
    await jaas(USERS);
    await zk.close();
    await server.kill();
    await server.start();
  });

  (hasOpenssl ? it : it.skip)('does the same within TLS', async () => {
    const tls = { ca: () => readFileSync(authority.cert, 'utf8') };
    const zk = await connect({ servers: secure, tls, ...as('ann', 'secret') });
    expect(await zk.whoAmI()).toContainEqual({ scheme: 'sasl', user: 'ann' });
    await expect(connect({ servers: secure, tls, ...as('ann', 'wrong') })).rejects.toMatchObject({
      code: 'ZK_AUTH_FAILED',
    });
  });
});
