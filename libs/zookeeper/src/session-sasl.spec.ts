import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { ManualClock } from '@flashmesh/core';
import { ZooKeeper, type ZooKeeperOptions } from './index.ts';
import { OpCode } from './op-codes.ts';
import { eventually } from './testing/eventually.ts';
import { ScriptedServer, type SeenRequest } from './testing/scripted-server.ts';

const USERNAME = 'ann';
const PASSWORD = 'secret';
const REALM = 'zk-sasl-md5';
const NONCE = 'nonce';

/** The server's side of DIGEST-MD5: shows that it knows the password, too. */
function rspauth(response: string): string {
  const cnonce = /cnonce="([^"]*)"/.exec(response)?.[1];
  const md5 = (text: string | Buffer) => createHash('md5').update(text).digest();
  const secret = md5(`${USERNAME}:${REALM}:${PASSWORD}`);
  const session = md5(Buffer.concat([secret, Buffer.from(`:${NONCE}:${cnonce}`)])).toString('hex');
  const uri = md5(':zookeeper/zk-sasl-md5').toString('hex');
  return `rspauth=${md5(`${session}:${NONCE}:00000001:${cnonce}:auth:${uri}`).toString('hex')}`;
}

/** A server that takes its time with the last word of the exchange. */
describe('Session, while it authenticates by SASL', () => {
  let server: ScriptedServer;
  let clock: ManualClock;
  let zk: ZooKeeper | undefined;
  /** How many exchanges the server finishes before it keeps the last word back; it finishes those after it, too. */
  let withholdsAfter: number;
  let withheld: (() => void) | undefined;
  let withheldOn: Socket | undefined;

  const script = (request: SeenRequest) => {
    if (request.op !== OpCode.sasl) return server.reply(request);
    const said = request.body.buffer()?.toString() ?? '';
    const answer = (text: string) => server.reply(request, { write: (w) => w.buffer(Buffer.from(text)) });
    if (!said.includes('response=')) return answer(`realm="${REALM}",nonce="${NONCE}",qop="auth"`);
    const last = () => answer(rspauth(said));
    if (withholdsAfter-- !== 0) return last();
    withheld = last;
    withheldOn = request.socket;
  };
  const connect = (o: Partial<ZooKeeperOptions> = {}) =>
    ZooKeeper.connect({
      servers: server.address,
      sasl: { username: USERNAME, password: () => PASSWORD },
      clock,
      ...o,
    });
  /** Lets time pass slowly, since the sockets are real. */
  const comes = (condition: () => boolean) =>
    eventually(async () => {
      if (!condition()) await clock.advance(40);
      return condition();
    });
  const withholding = () => comes(() => withheld !== undefined);
  const dropped = () => eventually(() => withheldOn?.destroyed ?? false);

  beforeEach(async () => {
    withheld = undefined;
    withheldOn = undefined;
    zk = undefined;
    clock = new ManualClock();
    server = await ScriptedServer.start(script);
  });

  afterEach(async () => {
    zk?.destroy();
    await server.close();
  });

  it('leaves no connection behind when the start was given up', async () => {
    withholdsAfter = 0;
    const starting = new AbortController();
    const connecting = connect({ signal: starting.signal });
    const outcome = connecting.catch((error: unknown) => error);
    await withholding();
    starting.abort();
    expect(await outcome).toMatchObject({ code: 'CANCELLED' });
    withheld?.();
    await dropped();
    expect(clock.pending).toBe(0);
  });

  it.each(['close', 'destroy'] as const)('stays closed after %s', async (end) => {
    withholdsAfter = 1;
    zk = await connect();
    const states: string[] = [];
    zk.onState(({ name }) => states.push(name));
    server.drop();
    await withholding();
    await zk[end]();
    withheld?.();
    await dropped();
    expect(states).toEqual(['suspended', 'closed']);
    expect(zk.state.name).toBe('closed');
    expect(clock.pending).toBe(0);
  });

  it('tries the next server in time to keep the session', async () => {
    withholdsAfter = 1;
    zk = await connect();
    const client = zk;
    const states: string[] = [];
    client.onState((state) => {
      states.push(state.name);
      if (state.name === 'lost') withheld?.();
    });
    server.drop();
    await withholding();
    await comes(() => client.state.name === 'connected');
    expect(states).toEqual(['suspended', 'suspended', 'connected']);
    expect(client.sessionId).toBe(7n);
    expect(server.hellos).toHaveLength(3);
  });
});
