import { ZooKeeper } from '@flashmesh/zookeeper';
import { OpCode, ScriptedServer, type SeenRequest, writeStat } from '@flashmesh/zookeeper/testing';
import { ensembleOf } from './fencing-token.ts';

describe('ensembleOf, scripted server', () => {
  let server: ScriptedServer;
  let zk: ZooKeeper;
  let ensemble: string;
  let reads: number;

  const script = (request: SeenRequest) => {
    if (request.op !== OpCode.getData) return server.reply(request);
    reads++;
    server.reply(request, { write: (w) => writeStat(w.buffer(Buffer.from(ensemble))) });
  };
  const connectedTo = (sessionId: bigint) =>
    new Promise<void>((resolve) => {
      zk.onState((state) => state.name === 'connected' && state.sessionId === sessionId && resolve());
    });

  beforeEach(async () => {
    reads = 0;
    ensemble = 'first';
    server = await ScriptedServer.start(script);
    server.sessions = [
      { sessionId: 7n, timeoutMs: 6000 },
      { sessionId: 7n, timeoutMs: 6000 },
      { sessionId: 7n, timeoutMs: 0 },
      { sessionId: 8n, timeoutMs: 6000 },
    ];
    zk = await ZooKeeper.connect({ servers: server.address });
  });

  afterEach(async () => {
    zk.destroy();
    await server.close();
  });

  it('asks once a session, since the next one may be of an ensemble that was set up anew', async () => {
    expect(await Promise.all([ensembleOf(zk), ensembleOf(zk)])).toEqual(['first', 'first']);
    const resumed = connectedTo(7n);
    server.drop();
    await resumed;
    expect(await ensembleOf(zk)).toBe('first');
    expect(reads).toBe(1);

    ensemble = 'second';
    const renewed = connectedTo(8n);
    server.drop();
    await renewed;
    expect(await ensembleOf(zk)).toBe('second');
    expect(reads).toBe(2);
  });
});
