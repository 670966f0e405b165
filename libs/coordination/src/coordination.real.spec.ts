import { randomUUID } from 'node:crypto';
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { Election, type Leadership, Lock } from './index.ts';
import { eventually, killSession, pause } from './spec-support.ts';

const servers = process.env.ZOOKEEPER ?? '127.0.0.1:2181';

/** A way to the server that can be cut, and told to keep the replies to itself. */
async function openWay() {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const [host, port] = servers.split(/[,:/]/) as [string, string];
    const upstream = connectSocket({ host, port: Number(port) });
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => way.deaf || client.write(chunk));
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => (client.destroy(), upstream.destroy()));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const way = {
    deaf: false,
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
  return way;
}

describe('coordination, real server', () => {
  let clients: ZooKeeper[];
  let path: string;

  const connect = async () => {
    const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: 2000 });
    clients.push(zk);
    return zk;
  };

  beforeEach(() => {
    clients = [];
    path = `/test-coordination-${randomUUID()}`;
  });

  afterEach(() => Promise.all(clients.map((zk) => zk.close())));

  it('lets one in at a time, in order of arrival, with growing tokens', async () => {
    const [one, two] = [await connect(), await connect()];
    let inside = 0;
    const tokens: bigint[] = [];
    const work = async (lock: Lock) => {
      const handle = await lock.acquire();
      expect(++inside).toBe(1);
      tokens.push(handle.token.czxid);
      await pause(2);
      inside--;
      expect(handle.signal.aborted).toBe(false);
      await handle.release();
      expect(handle.signal.aborted).toBe(true);
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => work(new Lock(i % 2 ? one : two, path))));
    expect(tokens).toHaveLength(20);
    expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)));
    expect(new Set(tokens).size).toBe(20);
    expect(await one.children(path)).toEqual([]);
  });

  it('leaves no node behind when waiting is given up', async () => {
    const [holder, waiter] = [await connect(), await connect()];
    const held = await new Lock(holder, path).acquire();
    const lock = new Lock(waiter, path);
    await expect(lock.acquire({ timeoutMs: 100 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    const abort = new AbortController();
    const waiting = lock.acquire({ signal: abort.signal });
    await eventually(async () => (await holder.children(path)).length === 2);
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    // Given up while the reply to the create is still on its way.
    const early = new AbortController();
    const creating = lock.acquire({ signal: early.signal });
    early.abort();
    await expect(creating).rejects.toMatchObject({ code: 'CANCELLED' });
    await eventually(async () => (await holder.children(path)).length === 1);
    expect(held.signal.aborted).toBe(false);
    await held.release();
    await (await lock.acquire({ timeoutMs: 1000 })).release();
  });

  it('finds its node again when the reply to the create was lost', async () => {
    const admin = await connect();
    await admin.mkdirp(path);
    const way = await openWay();
    const zk = await ZooKeeper.connect({ servers: way.address });
    way.deaf = true;
    const acquiring = new Lock(zk, path).acquire({ timeoutMs: 5000 });
    await eventually(async () => (await admin.children(path)).length === 1);
    way.deaf = false;
    way.cut();
    const handle = await acquiring;
    expect(await admin.children(path)).toHaveLength(1);
    await handle.release();
    await zk.close();
    await way.close();
  });

  it('lets one in whose connection broke while it waited, and still watches its node', async () => {
    const holder = await connect();
    const held = await new Lock(holder, path).acquire();
    const way = await openWay();
    const waiter = await ZooKeeper.connect({ servers: way.address });
    const states: string[] = [];
    waiter.onState(({ name }) => states.push(name));
    const waiting = new Lock(waiter, path).acquire();
    await eventually(async () => (await holder.children(path)).length === 2);
    way.cut();
    await eventually(() => states.join() === 'suspended,connected');
    await held.release();
    const handle = await waiting;
    expect([handle.signal.aborted, handle.isHeld()]).toEqual([false, true]);
    await holder.delete(handle.path);
    await eventually(() => handle.signal.aborted);
    await handle.release();
    await eventually(() => waiter.watchCount === 0);
    await waiter.close();
    await way.close();
  });

  it('takes the lock from a lost session, and says so to its holder', async () => {
    const [first, second] = [await connect(), await connect()];
    const held = await new Lock(first, path).acquire();
    const next = new Lock(second, path).acquire();
    await killSession(first);
    const handle = await next;
    expect(handle.token.czxid).toBeGreaterThan(held.token.czxid);
    await eventually(() => held.signal.aborted);
    await held.release();
    expect(handle.signal.aborted).toBe(false);
    const again = new Lock(first, path).acquire();
    await handle.release();
    expect((await again).token.czxid).toBeGreaterThan(handle.token.czxid);
  });

  it('ends the lock whose node was removed', async () => {
    const [holder, admin] = [await connect(), await connect()];
    const held = await new Lock(holder, path).acquire();
    const [node] = await admin.children(path);
    await admin.delete(`${path}/${node}`);
    await eventually(() => held.signal.aborted);
    expect(held.signal.reason).toMatchObject({ code: 'NOT_HELD' });
  });

  it('has another lead when the session of the leader is killed', async () => {
    const terms: { id: string; token: bigint }[] = [];
    const candidates = await Promise.all(
      ['a', 'b'].map(async (id) => {
        const zk = await connect();
        return { id, zk, election: new Election(zk, path, id) };
      }),
    );
    const leadAs =
      (id: string) =>
      ({ token, signal }: Leadership) =>
        new Promise<void>((resolve) => {
          terms.push({ id, token: token.czxid });
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
    for (const { id, election } of candidates) election.run(leadAs(id));
    await eventually(() => terms.length === 1);
    await pause(100);
    expect(candidates.filter(({ election }) => election.isLeader)).toHaveLength(1);
    const leader = candidates.find(({ election }) => election.isLeader);
    const other = candidates.find(({ election }) => !election.isLeader);
    if (!leader || !other) throw new Error('nobody leads');
    await killSession(leader.zk);
    await eventually(() => other.election.isLeader);
    await eventually(() => !leader.election.isLeader);
    await eventually(async () => (await other.zk.children(path)).length === 2);
    await other.election.stop();
    await eventually(() => leader.election.isLeader);
    expect(terms.map(({ id }) => id)).toEqual([leader.id, other.id, leader.id]);
    expect(terms.map(({ token }) => token)).toEqual(
      terms.map(({ token }) => token).sort((a, b) => (a < b ? -1 : 1)),
    );
    await leader.election.stop();
    expect(leader.election.isLeader).toBe(false);
    expect(await leader.zk.children(path)).toEqual([]);
  });
});
