import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { CREATOR_ALL_ACL, OPEN_ACL, ZooKeeper, type ZooKeeperOptions } from './index.ts';
import { OpCode } from './op-codes.ts';
import { ScriptedServer, type SeenRequest, writeStat } from './testing/scripted-server.ts';

const AUTH_FAILED = -115;
const material = join(import.meta.dirname, '../../core/src/testing/tls');
const pem = (name: string) => readFileSync(join(material, `test-only-${name}`));

describe('Security, scripted server', () => {
  let server: ScriptedServer;
  let zk: ZooKeeper | undefined;
  let seen: string[];
  let refuse: (auth: string) => boolean;
  /** Whether the server keeps to itself what it thinks of credentials. */
  let silent: boolean;

  const script = (request: SeenRequest) => {
    const { op, body } = request;
    if (op !== OpCode.auth) {
      seen.push(nameOf(op));
      server.reply(request, op === OpCode.exists ? { write: writeStat } : {});
      return;
    }
    body.int();
    const auth = `${body.ustring()} ${body.buffer()?.toString()}`;
    seen.push(auth);
    if (silent) return;
    server.reply(request, { error: refuse(auth) ? AUTH_FAILED : 0 });
  };
  const connect = async (o: Partial<ZooKeeperOptions> = {}) => {
    zk = await ZooKeeper.connect({ ...o, servers: o.servers ?? server.address });
    return zk;
  };
  const user = (password: () => string) => ({ username: 'ann', password });
  const suspended = (client: ZooKeeper) =>
    new Promise<void>((resolve) => client.onState(({ name }) => name === 'suspended' && resolve()));

  beforeEach(() => {
    seen = [];
    refuse = () => false;
    silent = false;
  });

  afterEach(async () => {
    zk?.destroy();
    zk = undefined;
    await server?.close();
  });

  describe('digest', () => {
    beforeEach(async () => {
      server = await ScriptedServer.start(script);
    });

    it('is sent before anything else, on each connection with the password of the moment', async () => {
      let password = 'old';
      const client = await connect({ auth: user(() => password) });
      await client.exists('/a', { watch: () => undefined });
      expect(seen.splice(0)).toEqual(['digest ann:old', 'exists']);
      password = 'new';
      const gone = suspended(client);
      server.drop();
      await gone;
      await client.exists('/b');
      expect(seen).toEqual(['digest ann:new', 'setWatches', 'exists']);
    });

    it('fails the start when the server refuses it, having sent nothing else', async () => {
      refuse = () => true;
      await expect(connect({ auth: user(() => 'wrong') })).rejects.toMatchObject({ code: 'ZK_AUTH_FAILED' });
      expect(seen).toEqual(['digest ann:wrong']);
    });

    it('is offered again after a refusal later on, while what was added is not', async () => {
      const client = await connect({ auth: user(() => 'p') });
      await client.addAuth('digest', 'bob:q');
      expect(seen.splice(0)).toEqual(['digest ann:p', 'digest bob:q']);
      let refusals = 0;
      refuse = () => refusals++ < 1;
      let gone = suspended(client);
      server.drop();
      await gone;
      await client.exists('/a');
      expect(seen).toContain('digest ann:p');
      expect(seen.slice(seen.lastIndexOf('digest ann:p'))).toEqual([
        'digest ann:p',
        'digest bob:q',
        'exists',
      ]);

      refuse = (auth) => auth.includes('bob');
      gone = suspended(client);
      server.drop();
      await gone;
      seen = [];
      await client.exists('/a');
      expect(seen.at(-1)).toBe('exists');
      expect(seen.at(-2)).toBe('digest ann:p');
    });

    it('is added until its signal aborts, and not offered again then', async () => {
      const client = await connect();
      const giveUp = new AbortController();
      silent = true;
      const adding = client.addAuth('digest', 'bob:q', { signal: giveUp.signal });
      giveUp.abort();
      await expect(adding).rejects.toMatchObject({ code: 'CANCELLED' });
      await expect(client.addAuth('digest', 'bob:q', { signal: giveUp.signal })).rejects.toMatchObject({
        code: 'CANCELLED',
      });
      const gone = suspended(client);
      server.drop();
      await gone;
      seen = [];
      await client.exists('/a');
      expect(seen).toEqual(['exists']);
    });

    it.each([
      { auth: undefined, expected: OPEN_ACL },
      { auth: user(() => 'p'), expected: CREATOR_ALL_ACL },
    ])('gives new nodes the ACL of $expected.0.scheme', async ({ auth, expected }) => {
      await server.close();
      const acls: unknown[] = [];
      server = await ScriptedServer.start((request) => {
        if (request.op !== OpCode.create2) return script(request);
        const { body } = request;
        body.ustring();
        body.buffer();
        acls.push(body.vector((r) => ({ permissions: r.int(), scheme: r.ustring(), id: r.ustring() })));
        server.reply(request, { write: (w) => writeStat(w.ustring('/a')) });
      });
      const client = await connect({ auth });
      await client.create('/a', '');
      await client.create('/a', '', { acl: OPEN_ACL });
      expect(acls).toEqual([expected, OPEN_ACL]);
    });
  });

  describe('TLS', () => {
    const trust = (name: string) => ({ ca: () => pem(name).toString() });
    const own = trust('authority.crt');
    const serve = async () => {
      const tls = { cert: pem('server.crt'), key: pem('server.key') };
      server = await ScriptedServer.start(script, tls);
      return Number(server.address.split(':')[1]);
    };

    it('carries the protocol, by name and by address, and comes back', async () => {
      const port = await serve();
      for (const servers of [`127.0.0.1:${port}`, `localhost:${port}`]) {
        const client = await connect({ servers, tls: own, auth: user(() => 'p') });
        await client.exists('/a');
        const gone = suspended(client);
        server.drop();
        await gone;
        await client.exists('/b');
        client.destroy();
        expect(seen.splice(0)).toEqual(['digest ann:p', 'exists', 'digest ann:p', 'exists']);
      }
    });

    it.each([
      ['another authority', trust('other-authority.crt'), /last failure: .*unable to verify/],
      ['an authority that Node does not know', {}, /last failure: .*unable to verify/],
      [
        'no certificate at all',
        {
          ca: () => {
            throw new Error('no file');
          },
        },
        /last failure: .*no file/,
      ],
    ])('does not trust %s, and says why', async (_name, tls, why) => {
      await serve();
      const connecting = connect({ tls, initialTimeoutMs: 300, auth: user(() => 'p') });
      await expect(connecting).rejects.toMatchObject({
        code: 'DEADLINE_EXCEEDED',
        message: expect.stringMatching(why),
      });
      expect(server.hellos).toEqual([]);
    });

    it('does not trust a certificate for another host', async () => {
      const port = await serve();
      // Another way to write 127.0.0.1, which the certificate does not have.
      const connecting = connect({ servers: `127.1:${port}`, tls: own, initialTimeoutMs: 300 });
      await expect(connecting).rejects.toMatchObject({
        message: expect.stringMatching(/last failure: .*does not match certificate/),
      });
      expect(server.hellos).toEqual([]);
    });

    it('renounces a server that speaks no TLS', async () => {
      const plain = createServer((socket) =>
        socket
          .on('error', () => undefined)
          .resume()
          .end('no TLS'),
      );
      await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve));
      const servers = `127.0.0.1:${(plain.address() as AddressInfo).port}`;
      try {
        await expect(connect({ servers, tls: own, initialTimeoutMs: 300 })).rejects.toMatchObject({
          message: expect.stringMatching(/last failure: .*wrong version number/),
        });
      } finally {
        await new Promise((resolve) => plain.close(resolve));
      }
    });
  });
});

function nameOf(op: number): string {
  return Object.entries(OpCode).find(([, code]) => code === op)?.[0] ?? String(op);
}
