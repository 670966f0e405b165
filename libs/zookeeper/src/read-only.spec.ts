import { ZooKeeper } from './index.ts';
import { OpCode } from './op-codes.ts';
import {
  ScriptedServer,
  type ScriptedSession,
  type SeenRequest,
  writeStat,
} from './testing/scripted-server.ts';

/** What servers before 3.9 do, too: they take a session read-only that began with a quorum. */
describe('read-only mode, scripted server', () => {
  let server: ScriptedServer;
  let zk: ZooKeeper;
  let ops: number[];
  let script: (request: SeenRequest) => void;

  const start = async (sessions: ScriptedSession[], readOnly = true) => {
    ops = [];
    script = (request) => {
      ops.push(request.op);
      server.reply(request, request.op === OpCode.exists ? { write: writeStat } : {});
    };
    server = await ScriptedServer.start((request) => script(request));
    server.sessions = sessions;
    zk = await ZooKeeper.connect({ servers: server.address, readOnly });
    const states: string[] = [];
    zk.onState((state) => states.push(state.name));
    const reconnect = async () => {
      const gone = new Promise<void>((resolve) =>
        zk.onState(({ name }) => name === 'suspended' && resolve()),
      );
      server.drop();
      await gone;
      await zk.connected();
      // The server has read what came before it.
      await zk.exists('/b');
    };
    return { states, reconnect };
  };

  afterEach(async () => {
    zk.destroy();
    await server.close();
  });

  it.each([true, false])('asks for it only where it is allowed: %s', async (readOnly) => {
    await start([{ sessionId: 7n, timeoutMs: 6000 }], readOnly);
    expect(server.hellos[0]?.readOnly).toBe(readOnly);
  });

  it('does not count on a session for as long as only a read-only server has heard of it', async () => {
    const { states, reconnect } = await start([
      { sessionId: 7n, timeoutMs: 6000 },
      { sessionId: 7n, timeoutMs: 6000, readOnly: true },
      { sessionId: 7n, timeoutMs: 6000 },
    ]);
    const known = () => zk.aliveForMs;
    await reconnect();
    expect(zk.state).toEqual({ name: 'connected', sessionId: 7n, readOnly: true });
    const before = known();
    await zk.exists('/a');
    expect(known()).toBeLessThanOrEqual(before);
    await reconnect();
    expect(zk.state).toEqual({ name: 'connected', sessionId: 7n, readOnly: false });
    expect(known()).toBeGreaterThan(before);
    expect(server.hellos.map(({ sessionId }) => sessionId)).toEqual([0n, 7n, 7n]);
    expect(states).toEqual(['suspended', 'connected', 'suspended', 'connected']);
  });

  it('stays until a server says that it takes writes, and goes there', async () => {
    const { states } = await start([
      { sessionId: 7n, timeoutMs: 6000, readOnly: true },
      { sessionId: 8n, timeoutMs: 6000 },
    ]);
    const writable = zk.writable();
    await zk.exists('/a');
    expect(zk.state).toMatchObject({ name: 'connected', readOnly: true });
    server.mode = 'rw';
    await writable;
    expect(states).toEqual(['suspended', 'connected']);
    expect(zk.sessionId).toBe(8n);
  });

  it('takes the refusal of a write before the answers to reads that were sent before it', async () => {
    await start([{ sessionId: 7n, timeoutMs: 6000, readOnly: true }]);
    const reads: SeenRequest[] = [];
    script = (request) => {
      if (request.op === OpCode.exists) reads.push(request);
      else {
        server.reply(request, { error: -119 });
        for (const read of reads) server.reply(read, { write: writeStat });
      }
    };
    const outcomes = await Promise.allSettled([zk.exists('/a'), zk.exists('/b'), zk.set('/a', 'x')]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[2]).toMatchObject({ reason: { code: 'ZK_NOT_READ_ONLY' } });
    expect(server.hellos).toHaveLength(1);
  });

  it('asks for another session than one that only a read-only server knows, and takes its watches along', async () => {
    const { states, reconnect } = await start([
      { sessionId: 7n, timeoutMs: 6000, readOnly: true },
      { sessionId: 8n, timeoutMs: 6000, readOnly: true },
      { sessionId: 9n, timeoutMs: 6000 },
      { sessionId: 9n, timeoutMs: 6000 },
    ]);
    const seen: string[] = [];
    await zk.exists('/a', { watch: ({ type }) => seen.push(type) });
    expect(zk.aliveForMs).toBe(0);
    await reconnect();
    await reconnect();
    await reconnect();
    expect(server.hellos.map(({ sessionId }) => sessionId)).toEqual([0n, 0n, 0n, 9n]);
    expect(states).not.toContain('lost');
    expect(seen).toEqual([]);
    expect(ops.filter((op) => op === OpCode.setWatches)).toHaveLength(3);
  });
});
