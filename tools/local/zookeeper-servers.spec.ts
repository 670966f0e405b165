import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ZooKeeperPorts, zooKeeperSpecs } from './zookeeper-servers.ts';

describe('ZooKeeper servers on one machine', () => {
  let data: string;

  beforeEach(async () => {
    data = await mkdtemp(join(tmpdir(), 'flashmesh-zookeeper-'));
  });

  afterEach(() => rm(data, { recursive: true, force: true }));

  const java = {
    command: 'java',
    args: (heap: readonly string[], ...rest: string[]) => [...heap, ...rest],
  };
  const ports = (count: number): ZooKeeperPorts[] =>
    Array.from({ length: count }, (_, i) => ({ client: 1001 + i, quorum: 2001 + i, election: 3001 + i }));
  const specs = (count: number, tuning = {}) =>
    zooKeeperSpecs(java, ports(count), { data, logs: data }, tuning);
  const config = (name: string) => readFile(join(data, `${name}.cfg`), 'utf8');

  it('one stands alone', async () => {
    expect((await specs(1)).map(({ name }) => name)).toEqual(['zookeeper']);
    const text = await config('zookeeper');
    expect(text).toContain('clientPort=1001\n');
    expect(text).not.toMatch(/server\.|whitelist/);
  });

  it('three know each other, and each itself', async () => {
    const all = await specs(3, { fourLetterWords: ['wchs'], containerCheckMs: 500 });
    expect(all.map(({ name }) => name)).toEqual(['zookeeper-1', 'zookeeper-2', 'zookeeper-3']);
    const text = await config('zookeeper-2');
    expect(text).toContain('clientPort=1002\n');
    expect(text).toContain(
      'server.1=127.0.0.1:2001:3001\nserver.2=127.0.0.1:2002:3002\nserver.3=127.0.0.1:2003:3003\n',
    );
    expect(text).toContain('4lw.commands.whitelist=srvr,wchs\n');
    expect(all[1]?.args).toContain('-Dznode.container.checkIntervalMs=500');
    expect(await readFile(join(data, 'zookeeper-2', 'myid'), 'utf8')).toBe('2\n');
  });

  it('refuses what another number of servers has left', async () => {
    await specs(1);
    await expect(specs(3)).rejects.toThrow('one ZooKeeper server');
    await specs(1);
  });
});
