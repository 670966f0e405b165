import { ZooKeeper } from '@flashmesh/zookeeper';
import { OpCode, ScriptedServer, type SeenRequest, writeStat } from '@flashmesh/zookeeper/testing';
import { protectedCreate } from './protected-create.ts';

describe('protectedCreate, scripted server', () => {
  const sessionId = 7n;
  let server: ScriptedServer;
  let zk: ZooKeeper;

  afterEach(async () => {
    zk.destroy();
    await server.close();
  });

  it('finds its node when the answer was lost and the next server lags behind', async () => {
    const created: string[] = [];
    /** What the server that the client talks to knows: it learns of the rest when it is asked to `sync`. */
    let known: string[] = [];
    const script = (request: SeenRequest) => {
      const { op, body } = request;
      if (op === OpCode.create2) {
        created.push(`${body.ustring()}${String(created.length).padStart(10, '0')}`);
        // Applied, and nobody hears of it.
        if (created.length === 1) return server.drop();
        return server.reply(request, {
          write: (w) => writeStat(w.ustring(created.at(-1) as string), sessionId),
        });
      }
      if (op === OpCode.sync) {
        known = [...created];
        return server.reply(request, { write: (w) => w.ustring('/line') });
      }
      if (op === OpCode.getChildren) {
        const names = known.map((path) => path.slice('/line/'.length));
        return server.reply(request, {
          write: (w) => names.reduce((writer, name) => writer.ustring(name), w.int(names.length)),
        });
      }
      return server.reply(request, { write: (w) => writeStat(w, sessionId) });
    };
    server = await ScriptedServer.start(script);
    server.sessions = [{ sessionId, timeoutMs: 6000 }];
    zk = await ZooKeeper.connect({ servers: server.address });
    const node = await protectedCreate(zk, '/line', 'lock-', '');
    expect(created).toEqual([node.path]);
    expect(node.owner).toBe(sessionId);
  });
});
