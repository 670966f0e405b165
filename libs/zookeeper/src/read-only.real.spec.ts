import { type ConnectionState, ZooKeeper, type ZooKeeperOptions } from './index.ts';
import { Ensemble } from './testing/ensemble.ts';
import { freePorts } from './testing/zookeeper-server.ts';

const SESSION_TIMEOUT_MS = 5000;

describe('read-only mode, a real ensemble', () => {
  let ensemble: Ensemble;
  const clients: ZooKeeper[] = [];

  const connect = async (o: Partial<ZooKeeperOptions> = {}) => {
    const zk = await ZooKeeper.connect({
      servers: ensemble.addresses.join(','),
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      initialTimeoutMs: 100_000,
      ...o,
    });
    clients.push(zk);
    return zk;
  };
  /** Resolves with the next state that is wanted, however long servers take to elect. */
  const reached = (zk: ZooKeeper, wanted: (state: ConnectionState) => boolean) =>
    new Promise<ConnectionState>((resolve) => {
      const stop = zk.onState((state) => {
        if (!wanted(state)) return;
        stop();
        resolve(state);
      });
    });
  const isReadOnly = (state: ConnectionState) => state.name === 'connected' && state.readOnly;
  const isWritable = (state: ConnectionState) => state.name === 'connected' && !state.readOnly;

  beforeAll(async () => {
    ensemble = await Ensemble.prepare();
    await ensemble.start();
  });

  afterEach(() => {
    for (const zk of clients.splice(0)) zk.destroy();
  });

  afterAll(() => ensemble?.dispose());

  it('reads while the quorum is lost, writes nothing, and goes on when it is back', async () => {
    const zk = await connect({ readOnly: true });
    expect(zk.state).toMatchObject({ name: 'connected', readOnly: false });
    await zk.create('/kept', 'x');
    const changes: string[] = [];
    await zk.create('/mine', '', { mode: 'ephemeral' });

    const reading = reached(zk, isReadOnly);
    const states: string[] = [];
    zk.onState((state) => states.push(state.name + (isReadOnly(state) ? ' read-only' : '')));
    await ensemble.kill(0, 1);
    await reading;
    // A server of 3.9 does not take a session there that it knows from before: it is lost first, so nobody holds anything.
    expect(states.slice(-2)).toEqual(['lost', 'connected read-only']);
    expect(zk.aliveForMs).toBe(0);
    expect((await zk.get('/kept', { watch: ({ type }) => changes.push(type) })).data.toString()).toBe('x');
    expect(await zk.children('/')).toContain('kept');
    await zk.watch('/', ({ type }) => changes.push(`root ${type}`));
    const writes = [
      zk.create('/new', ''),
      zk.create('/new', '', { mode: 'ephemeral-sequential' }),
      zk.set('/kept', 'y'),
      zk.delete('/kept'),
      zk.setAcl('/kept', []),
      zk.sync(),
      zk.transaction([{ op: 'set', path: '/kept', data: 'y' }]),
    ];
    for (const write of writes) {
      await expect(write).rejects.toMatchObject({ code: 'ZK_NOT_READ_ONLY', kind: 'unavailable' });
    }
    expect(isReadOnly(zk.state)).toBe(true);
    await expect(connect({ readOnly: false, initialTimeoutMs: 1000 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });

    const before = zk.sessionId;
    states.length = 0;
    const writing = zk.writable();
    await ensemble.start(0);
    await writing;
    // The session of the read-only server was worth nothing elsewhere, and nothing was lost with it.
    expect([...new Set(states)]).toEqual(['suspended', 'connected']);
    expect(zk.sessionId).not.toBe(before);
    expect(zk.aliveForMs).toBeGreaterThan(0);
    await zk.set('/kept', 'y');
    await zk.sync();
    expect(changes).toEqual(expect.arrayContaining(['root rearmed', 'changed']));
    expect(changes).not.toContain('session-lost');
    await ensemble.start(1);
  });

  it('leaves a server that is cut off from the others for one that is not', async () => {
    await ensemble.kill(2);
    await ensemble.startAlone(2);
    const [one, , alone] = ensemble.addresses as [string, string, string];
    const [dead] = await freePorts(1);
    // It takes a while until it gives the others up.
    expect(isReadOnly((await connect({ servers: alone, readOnly: true })).state)).toBe(true);
    // In the order as they stand: the one that is cut off before the others.
    const zk = await connect({
      servers: `${alone},127.0.0.1:${dead},${one}`,
      readOnly: true,
      random: () => 0.999,
    });
    expect(isReadOnly(zk.state)).toBe(true);
    const { sessionId } = zk;
    const states: ConnectionState[] = [];
    zk.onState((state) => states.push(state));
    await zk.writable();
    expect(states.map(({ name }) => name).filter((name) => name === 'lost')).toEqual([]);
    expect(isWritable(zk.state)).toBe(true);
    expect(zk.sessionId).not.toBe(sessionId);
    await zk.create('/after', '');
  });
});
