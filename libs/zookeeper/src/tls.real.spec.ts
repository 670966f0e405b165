import { copyFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { certificateFile, privateKeyFile, type TlsTrust } from '@flashmesh/core';
import { createLogger } from '@flashmesh/telemetry';
import { isZooKeeperError, ZooKeeper, type ZooKeeperOptions } from './index.ts';
import { Authority, hasOpenssl, type Issued } from './testing/authority.ts';
import { eventually } from './testing/eventually.ts';
import { freePorts, ZooKeeperServer } from './testing/zookeeper-server.ts';

/** Whoever has no openssl can still run everything else; the project's own checks have it. */
(hasOpenssl ? describe : describe.skip)('TLS, a real server that wants certificates of its clients', () => {
  let folder: string;
  let server: ZooKeeperServer;
  let servers: string;
  let old: { authority: Authority; server: Issued; client: Issued };
  let renewed: typeof old;
  const clients: ZooKeeper[] = [];

  const make = (name: string) => {
    const authority = new Authority(folder, name);
    return { authority, server: authority.issue('server'), client: authority.issue('client') };
  };
  /** As the server is started with the next time. */
  const configure = async (shown: typeof old) => {
    const port = Number(servers.split(':')[1]);
    const options = {
      config: {
        secureClientPort: port,
        secureClientPortAddress: '127.0.0.1',
        serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
        maxSessionTimeout: 120_000,
        'ssl.keyStore.location': shown.server.store,
        'ssl.keyStore.type': 'PEM',
        'ssl.trustStore.location': shown.authority.cert,
        'ssl.trustStore.type': 'PEM',
        'ssl.clientAuth': 'need',
        // The client's certificate is its own, not its address's.
        'ssl.clientHostnameVerification': false,
      },
    };
    server ??= await ZooKeeperServer.prepare(options);
    server.options = options;
  };
  const connect = async (tls: TlsTrust, o: Partial<ZooKeeperOptions> = {}) => {
    const zk = await ZooKeeper.connect({
      servers,
      tls,
      sessionTimeoutMs: 120_000,
      connectTimeoutMs: 10_000,
      initialTimeoutMs: 60_000,
      ...o,
    });
    clients.push(zk);
    return zk;
  };
  /** The files that a client reads, as a mounted secret has them. */
  const mount = (name: string, shown: typeof old) => {
    const path = (file: string) => join(folder, `mounted-${name}-${file}`);
    const put = ({ authority, client }: typeof old, key = client.key) => {
      copyFileSync(authority.cert, path('ca'));
      copyFileSync(client.cert, path('cert'));
      copyFileSync(key, path('key'));
    };
    put(shown);
    const tls = {
      ca: certificateFile(path('ca')),
      cert: certificateFile(path('cert')),
      key: privateKeyFile(path('key')),
    };
    return { put, tls };
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'flashmesh-tls-'));
    servers = `127.0.0.1:${(await freePorts(1))[0]}`;
    [old, renewed] = [make('old'), make('renewed')];
  });

  beforeEach(async () => {
    await configure(old);
    await server.start();
  });

  afterEach(async () => {
    for (const zk of clients.splice(0)) zk.destroy();
    await server.kill();
  });

  afterAll(async () => {
    await server?.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  it('knows a client by its certificate', async () => {
    const zk = await connect(mount('known', old).tls);
    expect(await zk.whoAmI()).toContainEqual({ scheme: 'x509', user: 'CN=client' });
    await zk.create('/of-the-certificate', 'x', {
      acl: [{ permissions: 31, scheme: 'x509', id: 'CN=client' }],
    });
    expect((await zk.get('/of-the-certificate')).data.toString()).toBe('x');
    await zk.delete('/of-the-certificate');
  });

  it('lets nobody in without a certificate, or with one of another authority', async () => {
    const { ca } = mount('none', old).tls;
    const { cert, key } = mount('other', renewed).tls;
    const refused = { initialTimeoutMs: 3000 };
    await expect(connect({ ca }, refused)).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringMatching(/last failure: .*(?:alert|ECONNRESET|closed the connection|EPIPE)/),
    });
    await expect(connect({ ca, cert, key }, refused)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    // It is the certificate that was missing, not the server.
    await connect(mount('own', old).tls);
  });

  it('takes renewed files with the next connection, keeps its session, and loses no call that was not under way', async () => {
    const { put, tls } = mount('swapped', old);
    const zk = await connect(tls);
    const { sessionId } = zk;
    await zk.create('/swapped', '', { mode: 'ephemeral' });
    put(renewed);
    // The connection is the old one, and goes on.
    await zk.set('/swapped', 'with the old connection');
    expect(zk.sessionId).toBe(sessionId);

    // Nobody is trusted any more who has a certificate of the old authority.
    await configure(renewed);
    const underWay: Promise<unknown>[] = [];
    const enough = new AbortController();
    const failures: unknown[] = [];
    const write = async () => {
      while (!enough.signal.aborted && zk.state.name !== 'closed') {
        const call = zk.create('/counted-', '', { mode: 'persistent-sequential' });
        underWay.push(call);
        // As many as were under way when the connection broke, one at most, is what may be lost.
        await call.catch((error: unknown) => failures.push(error));
      }
    };
    const writer = write();
    await server.kill();
    await eventually(() => zk.state.name === 'suspended');
    const waiting = Array.from({ length: 20 }, (_, i) => zk.set('/swapped', `${i}`));
    await server.start();
    const stats = await Promise.all(waiting);
    enough.abort();
    await writer;
    expect(stats.map(({ version }) => version)).toEqual(waiting.map((_, i) => i + 2));
    expect(zk.sessionId).toBe(sessionId);
    expect(failures.length).toBeLessThanOrEqual(1);
    expect(failures.every((error) => isZooKeeperError(error, 'ZK_CONNECTION_LOSS'))).toBe(true);
    const made = (await zk.children('/')).filter((name) => name.startsWith('counted-')).length;
    expect([underWay.length, underWay.length - failures.length]).toContain(made);
    await Promise.all(
      (await zk.children('/')).filter((n) => n.startsWith('counted-')).map((n) => zk.delete(`/${n}`)),
    );
  });

  it('stays out with old files, and comes back with its session when they are renewed', async () => {
    const { put, tls } = mount('late', old);
    const whys: string[] = [];
    const logger = createLogger({
      service: 'spec',
      instance: 'one',
      level: 'debug',
      destination: {
        write: (line) => {
          const { msg, err } = JSON.parse(line) as { msg: string; err?: { message: string } };
          if (msg === 'no connection to ZooKeeper' && err) whys.push(err.message);
        },
      },
    });
    const zk = await connect(tls, { logger });
    const { sessionId } = zk;
    await configure(renewed);
    await server.kill();
    await eventually(() => zk.state.name === 'suspended');
    const waiting = zk.exists('/');
    await server.start();
    const untrusted = () => whys.filter((why) => /unable to verify|self-signed|certificate/.test(why)).length;
    await eventually(() => untrusted() >= 2);
    expect(zk.state.name).toBe('suspended');
    // Half of the mount is new: a certificate without its key.
    put(renewed, old.client.key);
    await eventually(() => whys.some((why) => /key values mismatch/.test(why)));
    put(renewed);
    expect(await waiting).toBeDefined();
    expect(zk.sessionId).toBe(sessionId);
    // Those that are let in now are not those that were.
    await expect(connect(mount('gone', old).tls, { initialTimeoutMs: 3000 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
  });
});
