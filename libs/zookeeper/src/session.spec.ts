import { ZooKeeper } from './index.ts';
import { OpCode } from './op-codes.ts';
import { eventually } from './testing/eventually.ts';
import { ScriptedServer, type SeenRequest, writeStat } from './testing/scripted-server.ts';

describe('Session, scripted server', () => {
  let server: ScriptedServer;
  let zk: ZooKeeper;
  let script: (request: SeenRequest) => void;

  beforeEach(async () => {
    script = (request) => server.reply(request);
    server = await ScriptedServer.start((request) => script(request));
  });

  afterEach(async () => {
    zk.destroy();
    await server.close();
  });

  const connect = async (o: { renewSession?: boolean; maxInFlight?: number } = {}) => {
    zk = await ZooKeeper.connect({ servers: server.address, ...o });
    return zk;
  };
  const reached = (name: string) =>
    new Promise<void>((resolve) => {
      const stop = zk.onState((state) => {
        if (state.name !== name) return;
        stop();
        resolve();
      });
    });

  it('understands replies that come byte by byte', async () => {
    server.sliceBytes = 1;
    script = (request) =>
      server.reply(request, { zxid: 9n, write: (w) => writeStat(w.buffer(Buffer.from('data'))) });
    await connect();
    const answers = await Promise.all([zk.get('/a'), zk.get('/b')]);
    expect(answers.map(({ data }) => data.toString())).toEqual(['data', 'data']);
  });

  it('drops the connection when a reply is not the one that is due', async () => {
    let wrong = true;
    script = (request) => {
      server.reply(request, { xid: wrong ? request.xid + 5 : request.xid, write: writeStat });
      wrong = false;
    };
    await connect();
    await expect(zk.exists('/a')).rejects.toMatchObject({ code: 'ZK_CONNECTION_LOSS', kind: 'unavailable' });
    expect(await zk.exists('/a')).toMatchObject({ version: 1 });
    expect(server.hellos.map(({ sessionId }) => sessionId)).toEqual([0n, 7n]);
  });

  it('fires a watch whose event comes before the reply', async () => {
    script = (request) => {
      server.notify(request.socket, 3, '/a');
      server.reply(request, { write: (w) => writeStat(w.buffer(null)) });
    };
    await connect();
    const seen: string[] = [];
    await zk.get('/a', { watch: ({ type }) => seen.push(type) });
    expect(seen).toEqual(['changed']);
  });

  it('restores watches before requests that waited, and keeps the last zxid', async () => {
    const ops: number[] = [];
    script = (request) => {
      ops.push(request.op);
      const body = request.op === OpCode.exists ? writeStat : undefined;
      server.reply(request, { zxid: 41n, write: body });
    };
    await connect();
    await zk.exists('/a', { watch: () => undefined });
    const suspended = reached('suspended');
    server.drop();
    await suspended;
    await zk.exists('/b');
    expect(ops).toEqual([OpCode.exists, OpCode.setWatches, OpCode.exists]);
    expect(server.hellos[1]).toMatchObject({ lastZxid: 41n, sessionId: 7n });
  });

  it('fails what was sent when the connection drops, and tells every watch of a session that is over', async () => {
    script = (request) => {
      if (request.op === OpCode.exists) server.reply(request, { write: writeStat });
    };
    server.sessions = [
      { sessionId: 7n, timeoutMs: 6000 },
      { sessionId: 7n, timeoutMs: 0 },
      { sessionId: 8n, timeoutMs: 6000 },
    ];
    await connect();
    const events: string[] = [];
    const states: string[] = [];
    zk.onState((state) => states.push(state.name));
    await zk.exists('/a', { watch: ({ type }) => events.push(type) });
    const pending = zk.get('/never-answered');
    const back = reached('connected');
    server.drop();
    await expect(pending).rejects.toMatchObject({ code: 'ZK_CONNECTION_LOSS' });
    await back;
    expect(events).toEqual(['session-lost']);
    expect(states).toEqual(['suspended', 'lost', 'connected']);
    expect(zk.sessionId).toBe(8n);
    expect(server.hellos.map(({ sessionId }) => sessionId)).toEqual([0n, 7n, 0n]);
  });

  it('gives up a server that talks but answers nothing, before the session is over', async () => {
    server.sessions = [{ sessionId: 7n, timeoutMs: 600 }];
    const chatter: NodeJS.Timeout[] = [];
    script = ({ socket }) => chatter.push(setInterval(() => server.notify(socket, 3, '/x'), 50));
    await connect();
    const from = performance.now();
    const lost = zk.get('/a').catch((error: { code: string }) => error.code);
    expect(await lost).toBe('ZK_CONNECTION_LOSS');
    for (const timer of chatter) clearInterval(timer);
    const took = performance.now() - from;
    expect(took).toBeGreaterThan(450);
    expect(took).toBeLessThan(600);
    expect(zk.state.name).toBe('suspended');
  });

  it('takes another session id in the answer for a lost session', async () => {
    server.sessions = [
      { sessionId: 7n, timeoutMs: 6000 },
      { sessionId: 9n, timeoutMs: 6000 },
    ];
    await connect({ renewSession: false });
    const lost = reached('lost');
    server.drop();
    await lost;
    expect(zk.state).toEqual({ name: 'lost', sessionId: 7n, reason: 'replaced' });
    await expect(zk.get('/a')).rejects.toMatchObject({ code: 'ZK_SESSION_EXPIRED' });
  });

  describe('with a bound of requests under way', () => {
    let asked: SeenRequest[];
    let paths: string[];

    beforeEach(async () => {
      asked = [];
      paths = [];
      script = (request) => {
        asked.push(request);
        paths.push(request.body.ustring());
      };
      await connect({ maxInFlight: 2 });
    });

    const answer = () => server.reply(asked.shift() as SeenRequest, { write: writeStat });
    /** What was sent before has arrived by then: the scripted server has had a turn to read. */
    const arrived = (count: number) => eventually(() => paths.length === count);

    it('sends no more at once, in order, and fills up as replies come', async () => {
      const calls = ['/1', '/2', '/3', '/4', '/5'].map((path) => zk.exists(path));
      await arrived(2);
      for (let answered = 1; answered <= 5; answered++) {
        // Beyond the bound nothing comes until a reply has made room.
        expect(asked.length).toBeLessThanOrEqual(2);
        answer();
        await calls[answered - 1];
        await arrived(Math.min(answered + 2, 5));
      }
      expect(paths).toEqual(['/1', '/2', '/3', '/4', '/5']);
    });

    it('never sends what was aborted while it waited for its turn', async () => {
      const abort = new AbortController();
      const sent = [zk.exists('/1'), zk.exists('/2')];
      const given = zk.exists('/3', { signal: abort.signal });
      const last = zk.exists('/4');
      await arrived(2);
      abort.abort();
      await expect(given).rejects.toMatchObject({ code: 'CANCELLED' });
      answer();
      answer();
      await Promise.all(sent);
      await arrived(3);
      answer();
      await last;
      expect(paths).toEqual(['/1', '/2', '/4']);
    });

    it('never sends what was aborted while there was no connection', async () => {
      const gone = reached('suspended');
      server.drop();
      await gone;
      const abort = new AbortController();
      const given = zk.exists('/1', { signal: abort.signal });
      const last = zk.exists('/2');
      abort.abort();
      await expect(given).rejects.toMatchObject({ code: 'CANCELLED' });
      await arrived(1);
      answer();
      await last;
      expect(paths).toEqual(['/2']);
    });

    it('fails what was sent when the connection drops, and sends with the next one what was not', async () => {
      const calls = ['/1', '/2', '/3', '/4', '/5'].map((path) => zk.exists(path));
      const outcomes = Promise.allSettled(calls);
      await arrived(2);
      asked = [];
      server.drop();
      for (let count = 4; count <= 5; count++) {
        await arrived(count);
        expect(asked.length).toBeLessThanOrEqual(2);
        answer();
      }
      answer();
      expect((await outcomes).map(({ status }) => status)).toEqual([
        'rejected',
        'rejected',
        'fulfilled',
        'fulfilled',
        'fulfilled',
      ]);
      expect(paths).toEqual(['/1', '/2', '/3', '/4', '/5']);
    });
  });
});
