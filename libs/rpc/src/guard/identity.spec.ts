import { TLSSocket } from 'node:tls';
import { jest } from '@jest/globals';
import { ManualClock } from '@flashmesh/core';
import { SpanKind } from '@flashmesh/telemetry';
import { type ChannelCredentials, credentials, status as Status } from '@grpc/grpc-js';
import type { BuiltInService } from '../built-in-service.ts';
import { foreignCall, foreignCredentials, serverCertificate } from '../testing/foreign-client.ts';
import { CertificateFolder, type Issued, TestAuthority } from '../testing/certificates.ts';
import { HealthService } from '../health-service.ts';
import { type MeshSecurity, useMeshSecurity } from '../identity/mesh-security.ts';
import { DEFAULT_REFRESH_MS, MeshTls } from '../identity/mesh-tls.ts';
import type { IncomingCall } from '../incoming-call.ts';
import { closeMeshClients, createMeshClient } from '../mesh-client.ts';
import { registerMeshResolver } from '../mesh-resolver.ts';
import { FakeNaming, Inventory, listening, LogLines, stockOf, until } from '../mesh.fixture.ts';
import { MeshServer, type MeshServerOptions, TLS_OPTIONS } from '../mesh-server.ts';
import { pathOf } from '../service-definition.ts';
import { recordSpans } from '../spans.fixture.ts';
import { ANYONE, defineRules } from './rules.ts';

const identity = 'spiffe://cluster.local/ns/shop/sa/flashmesh-{service}';
const idOf = (service: string) => identity.replace('{service}', service);
const GET_STOCK = pathOf(Inventory, Inventory.methods.getStock);
const HOUR_MS = 3_600_000;

const naming = new FakeNaming();
const authority = new TestAuthority();
const log = new LogLines('warn');
const cleanUps: (() => unknown)[] = [];

/** The certificate of a service, in files as a mount has them. */
function mounted(service: string, issued = authority.issue({ names: [`URI:${idOf(service)}`] })) {
  const folder = new CertificateFolder();
  folder.write({ ...issued, ca: authority.cert });
  cleanUps.push(() => folder.remove());
  const { certFile, keyFile, caFile } = folder;
  const tls = new MeshTls({ certFile, keyFile, caFile, identity });
  cleanUps.push(() => tls.close());
  return { tls, folder };
}

const rules = defineRules(Inventory, {
  getStock: { callers: ['order', 'spiffe://cluster.local/ns/ops/sa/probe'] },
  checkAdmission: { callers: [ANYONE] },
  restock: { callers: [] },
  fenceSale: { callers: [] },
});

const seen: IncomingCall[] = [];

/** A service whose handler throws what nobody meant. */
const Failing = { ...Inventory, fullName: 'test.Failing', methods: { getStock: Inventory.methods.getStock } };
const failing: BuiltInService = {
  definition: Failing,
  handlers: { GetStock: () => Promise.reject(new TypeError('a bug')) },
  rules: defineRules(Failing, { getStock: { callers: ['order'] } }),
};

async function serve(security: MeshSecurity, more: Partial<MeshServerOptions> = {}): Promise<MeshServer> {
  const options = { services: [Inventory], rules: [rules], host: '127.0.0.1', port: 0, logger: log.logger };
  const server = new MeshServer({ ...options, security, ...more });
  for (const rpc of ['GetStock', 'CheckAdmission', 'Restock', 'FenceSale']) {
    server.addHandler({ service: Inventory.name, rpc }, async (_request, call: IncomingCall) => {
      seen.push(call);
      return stockOf('a');
    });
  }
  cleanUps.push(() => server.drain(0));
  await listening(server);
  naming.say('inventory', server.port);
  return server;
}

const foreign = (shown?: Issued) => foreignCredentials(authority.cert, shown);
const call = (server: MeshServer, as: ChannelCredentials, path = GET_STOCK) =>
  foreignCall(server.port, path, as);

const lines = () => log.lines.map((line) => JSON.parse(line) as Record<string, unknown>);

beforeAll(() => registerMeshResolver(naming));
afterEach(async () => {
  closeMeshClients();
  useMeshSecurity('loopback');
  await Promise.all(cleanUps.splice(0).map((cleanUp) => cleanUp()));
  log.lines.length = 0;
  seen.length = 0;
});

describe('a mesh under TLS', () => {
  it('lets those call whom the rules name, and tells the handler who it is', async () => {
    const server = await serve(mounted('inventory').tls);
    useMeshSecurity(mounted('order').tls);
    for (const target of ['zk:///inventory', `127.0.0.1:${server.port}`]) {
      const client = createMeshClient(Inventory, { target });
      expect((await client.getStock({})).stock?.sku).toBe('a');
    }
    expect(seen.map(({ caller }) => caller)).toEqual([
      { id: idOf('order'), service: 'order' },
      { id: idOf('order'), service: 'order' },
    ]);
    expect(log.lines).toEqual([]);
  });

  it('knows a service by the DNS name that Kubernetes gives it', async () => {
    const server = await serve(mounted('inventory').tls);
    const issued = authority.issue({
      names: ['DNS:localhost', 'DNS:flashmesh-order.shop.svc.cluster.local'],
    });
    expect(await call(server, foreign(issued))).toEqual([Status.OK, '']);
    expect(seen[0]?.caller?.id).toBe(idOf('order'));
  });

  it('names the caller in the span of a call, and in the log when the call failed', async () => {
    const { spans, telemetry } = recordSpans();
    await serve(mounted('inventory').tls, { builtIn: [failing] });
    useMeshSecurity(mounted('order').tls);
    await createMeshClient(Inventory, { target: 'zk:///inventory' }).getStock({});
    const broken = createMeshClient(Failing, { target: 'zk:///inventory' });
    await expect(broken.getStock({})).rejects.toMatchObject({ kind: 'internal' });
    await telemetry.shutdown();
    const served = spans.filter(({ kind }) => kind === SpanKind.SERVER);
    expect(served.map(({ attributes }) => attributes['flashmesh.rpc.caller'])).toEqual([
      idOf('order'),
      idOf('order'),
    ]);
    expect(lines()).toMatchObject([{ msg: 'a call failed unexpectedly', caller: idOf('order') }]);
  });

  it('refuses a method that the rules do not give to the caller, and logs who asked', async () => {
    const server = await serve(mounted('inventory').tls);
    useMeshSecurity(mounted('payment').tls);
    const client = createMeshClient(Inventory, { target: 'zk:///inventory' });
    await expect(client.getStock({})).rejects.toMatchObject({
      kind: 'permission_denied',
      code: 'CALLER_NOT_ALLOWED',
    });
    await expect(client.restock({})).rejects.toMatchObject({ kind: 'permission_denied' });
    await client.checkAdmission({});
    expect(seen).toHaveLength(1);
    expect(lines()).toMatchObject([
      { reason: 'not_allowed', caller: idOf('payment'), method: GET_STOCK },
      { reason: 'not_allowed', caller: idOf('payment') },
    ]);
    const probe = authority.issue({ names: ['URI:spiffe://cluster.local/ns/ops/sa/probe'] });
    expect(await call(server, foreign(probe))).toEqual([Status.OK, '']);
  });

  it('lets nobody call a service without rules', async () => {
    const server = await serve(mounted('inventory').tls, { rules: [] });
    const order = authority.issue({ names: [`URI:${idOf('order')}`] });
    expect((await call(server, foreign(order)))[0]).toBe(Status.PERMISSION_DENIED);
    expect(seen).toEqual([]);
  });

  const past = new Date(Date.now() - HOUR_MS);
  it.each([
    ['no_certificate', undefined, undefined],
    [
      'foreign_trust_domain',
      authority.issue({ names: ['URI:spiffe://cluster.evil/ns/shop/sa/flashmesh-order'] }),
      'spiffe://cluster.evil/ns/shop/sa/flashmesh-order',
    ],
    [
      'expired',
      authority.issue({
        names: [`URI:${idOf('order')}`],
        notBefore: new Date(past.getTime() - HOUR_MS),
        notAfter: past,
      }),
      idOf('order'),
    ],
    [
      'untrusted',
      new TestAuthority('somebody else').issue({ names: [`URI:${idOf('order')}`] }),
      idOf('order'),
    ],
    ['no_identity', authority.issue({ names: ['DNS:localhost'] }), 'DNS:localhost'],
  ])('refuses a caller with %s, and logs what it claims to be', async (reason, shown, caller) => {
    const server = await serve(mounted('inventory').tls);
    expect(await call(server, foreign(shown))).toEqual([
      Status.UNAUTHENTICATED,
      `the caller is not known: ${reason}`,
    ]);
    expect(seen).toEqual([]);
    expect(lines()).toMatchObject([{ reason, method: GET_STOCK, peer: expect.stringMatching(/^127/) }]);
    expect(lines()[0]?.['caller']).toBe(caller);
  });

  it('refuses a certificate that ran out on a connection that still lives', async () => {
    const clock = new ManualClock(Date.now());
    await serve(mounted('inventory').tls, { clock });
    useMeshSecurity(mounted('order').tls);
    const client = createMeshClient(Inventory, { target: 'zk:///inventory' });
    await client.getStock({});
    await clock.advance(2 * HOUR_MS);
    await expect(client.getStock({})).rejects.toMatchObject({ kind: 'unauthenticated' });
    expect(lines()).toMatchObject([{ reason: 'expired', caller: idOf('order') }]);
  });

  it('does not talk plain text', async () => {
    const server = await serve(mounted('inventory').tls);
    expect((await call(server, credentials.createInsecure()))[0]).toBe(Status.UNAVAILABLE);
  });

  it('answers health checks of anybody', async () => {
    const server = await serve(mounted('inventory').tls);
    const { check } = new HealthService([]).definition;
    expect(await call(server, foreign(), check.path)).toEqual([Status.OK, '']);
  });

  it('looks at the certificate of a connection once', async () => {
    await serve(mounted('inventory').tls);
    useMeshSecurity(mounted('order').tls);
    const client = createMeshClient(Inventory, { target: 'zk:///inventory' });
    const looks = jest.spyOn(TLSSocket.prototype, 'getPeerCertificate');
    await client.getStock({});
    const afterTheFirst = looks.mock.calls.length;
    for (let i = 0; i < 5; i++) await client.getStock({});
    expect(afterTheFirst).toBeGreaterThan(0);
    expect(looks.mock.calls.length).toBe(afterTheFirst);
    looks.mockRestore();
  });
});

describe('a caller under TLS', () => {
  it.each([
    ['another service', authority.issue({ names: [`URI:${idOf('payment')}`] }), false],
    [
      'a stranger of the trust domain',
      authority.issue({ names: ['URI:spiffe://cluster.local/ns/x/sa/y'] }),
      true,
    ],
    [
      'a foreign trust domain',
      authority.issue({ names: ['URI:spiffe://b/ns/shop/sa/flashmesh-inventory'] }),
      true,
    ],
  ])('does not talk to a server that is %s', async (_what, issued, byAddress) => {
    const server = await serve(mounted('inventory', issued).tls);
    useMeshSecurity(mounted('order').tls);
    const target = byAddress ? `127.0.0.1:${server.port}` : 'zk:///inventory';
    const client = createMeshClient(Inventory, { target });
    await expect(client.getStock({}, { deadlineMs: 400 })).rejects.toMatchObject({
      kind: expect.stringMatching(/^(unavailable|deadline_exceeded)$/),
    });
    expect(seen).toEqual([]);
  });
});

describe('certificates that are replaced', () => {
  it('are used from the next handshake on, on both sides, without a failed call', async () => {
    // Connections that live this short are made anew all the time, with whatever is in the files.
    const channelOptions = { 'grpc.max_connection_age_ms': 60, 'grpc.max_connection_age_grace_ms': 2000 };
    const [inventory, order] = [mounted('inventory'), mounted('order')];
    const server = await serve(inventory.tls, { channelOptions });
    useMeshSecurity(order.tls);
    const client = createMeshClient(Inventory, { target: 'zk:///inventory' });
    const load = { stop: false, calls: 0 };
    const failures: unknown[] = [];
    const callers = Array.from({ length: 4 }, async () => {
      while (!load.stop) {
        await client.getStock({}, { deadlineMs: 20_000 }).catch((error: unknown) => failures.push(error));
        load.calls++;
      }
    });
    const someMore = async () => {
      const enough = load.calls + 100;
      await until(() => load.calls >= enough);
    };
    const next = new TestAuthority('the next authority');
    const both = [inventory, order];
    await someMore();
    for (const { folder, tls } of both) {
      folder.write({ ca: authority.cert + next.cert });
      tls.refresh();
    }
    await someMore();
    const renewed = ['inventory', 'order'].map((name) => next.issue({ names: [`URI:${idOf(name)}`] }));
    both.forEach(({ folder, tls }, i) => {
      folder.write({ ...renewed[i] });
      tls.refresh();
    });
    await someMore();
    expect(await serverCertificate(server.port)).toBe(renewed[0]?.cert);
    // By now no connection is left that the old certificates made.
    await new Promise((resolve) => setTimeout(resolve, 150));
    for (const { folder, tls } of both) {
      folder.write({ ca: next.cert });
      tls.refresh();
    }
    await someMore();
    load.stop = true;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    const old = authority.issue({ names: [`URI:${idOf('order')}`] });
    expect((await call(server, foreignCredentials(next.cert, old)))[0]).toBe(Status.UNAUTHENTICATED);
  });

  it('that are broken leave the last good ones in use', async () => {
    const { folder, tls } = mounted('inventory');
    const server = await serve(tls);
    const before = await serverCertificate(server.port);
    const next = authority.issue({ names: [`URI:${idOf('inventory')}`] });
    folder.write({ cert: next.cert });
    tls.refresh();
    folder.write({ ca: 'half' });
    tls.refresh();
    expect(await serverCertificate(server.port)).toBe(before);
    folder.write({ ...next, ca: authority.cert });
    tls.refresh();
    expect(await serverCertificate(server.port)).toBe(next.cert);
  });
});

describe('a connection', () => {
  it('lives on an old certificate for less than the ten minutes that SERVER.md names', () => {
    // grpc-js adds up to a tenth.
    const longestMs = 1.1 * TLS_OPTIONS['grpc.max_connection_age_ms'] + DEFAULT_REFRESH_MS;
    expect(longestMs).toBeLessThan(600_000);
  });
});

describe('a process', () => {
  it('does not start with the certificate of another service, or a wrong key', async () => {
    const { tls } = mounted('order');
    expect(() => tls.requireOwn('order')).not.toThrow();
    expect(() => tls.requireOwn('inventory')).toThrow(
      'is made out to spiffe://cluster.local/ns/shop/sa/flashmesh-order',
    );
    const [a, b] = [authority.issue({}), authority.issue({})];
    expect(() => mounted('order', { cert: a.cert, key: b.key })).toThrow('is not the key of');
  });
});
