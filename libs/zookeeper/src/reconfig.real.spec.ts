import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { ZooKeeper } from './index.ts';
import { Ensemble } from './testing/ensemble.ts';
import { eventually } from './testing/eventually.ts';

const SUPER = 'super:secret';
const superDigest = `super:${createHash('sha1').update(SUPER).digest('base64')}`;

/** The servers of a configuration, by id, and its version. */
function parsed(data: Buffer): { servers: Map<string, string>; version: bigint } {
  const lines = data.toString().split('\n');
  const servers = lines.flatMap((line) => {
    const [, id, server] = /^server\.(\d+)=(.*)$/.exec(line) ?? [];
    return id === undefined || server === undefined ? [] : [[id, server] as const];
  });
  return { servers: new Map(servers), version: BigInt(`0x${lines.at(-1)?.split('=')[1] ?? ''}`) };
}

async function modeOf(address: string): Promise<string | undefined> {
  const [host = '', port] = address.split(':');
  const socket = connect({ host, port: Number(port) });
  socket.end('srvr');
  return /^Mode: (\w+)$/m.exec(await text(socket))?.[1];
}

describe('reconfiguration, a real ensemble', () => {
  let ensemble: Ensemble;
  const clients: ZooKeeper[] = [];

  const connectTo = async (servers: readonly string[]) => {
    const zk = await ZooKeeper.connect({ servers: servers.join(','), initialTimeoutMs: 100_000 });
    clients.push(zk);
    return zk;
  };

  beforeAll(async () => {
    ensemble = await Ensemble.prepare({
      reconfigEnabled: true,
      'DigestAuthenticationProvider.superDigest': superDigest,
    });
    await ensemble.start();
  });

  afterAll(async () => {
    await Promise.all(clients.map((zk) => zk.close()));
    await ensemble?.dispose();
  });

  it('takes a server out and in again, by those who may, and from the version that they know', async () => {
    // There is a quorum as soon as anybody has a session.
    await connectTo(ensemble.addresses);
    // Those that stay; one that leads would take their connections along.
    let leaving = -1;
    await eventually(async () => {
      const modes = await Promise.all(ensemble.addresses.map(modeOf));
      leaving = modes.indexOf('follower');
      return modes.includes('leader');
    });
    const id = String(leaving + 1);
    const staying = ensemble.addresses.filter((_, index) => index !== leaving);
    const zk = await connectTo(staying);
    const before = parsed((await zk.getConfig()).data);
    expect([...before.servers.keys()].sort()).toEqual(['1', '2', '3']);
    const stranger = await connectTo(staying);
    await expect(stranger.reconfig({ leaving: [id] })).rejects.toMatchObject({ code: 'ZK_NO_AUTH' });

    await zk.addAuth('digest', SUPER);
    const seen: string[] = [];
    await stranger.getConfig({ watch: ({ type }) => seen.push(type) });
    const without = parsed((await zk.reconfig({ leaving: [id] })).data);
    expect([...without.servers.keys()]).not.toContain(id);
    expect(without.servers.size).toBe(2);
    expect(without.version).toBeGreaterThan(before.version);
    await eventually(() => seen.length > 0);
    expect(seen).toEqual(['changed']);

    const server = `server.${id}=${before.servers.get(id) ?? ''}`;
    const late = zk.reconfig({ joining: [server], fromConfig: before.version });
    await expect(late).rejects.toMatchObject({ code: 'ZK_BAD_VERSION' });
    const again = parsed((await zk.reconfig({ joining: [server], fromConfig: without.version })).data);
    expect(again.servers).toEqual(before.servers);
    await stranger.sync('/');
    expect(parsed((await stranger.getConfig()).data)).toEqual(again);
    await zk.create('/after', '');
  });
});
