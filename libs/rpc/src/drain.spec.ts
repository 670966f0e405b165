import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { sleep } from '@flashmesh/core';
import { FakeNaming, until } from './mesh.fixture.ts';
import { closeMeshClients, createMeshClient } from './mesh-client.ts';
import { registerMeshResolver } from './mesh-resolver.ts';
import { Echo } from './server-process.fixture.ts';

const REPLICAS = 3;
const running = new Set<ChildProcess>();

async function startReplica(): Promise<{ readonly port: number; readonly child: ChildProcess }> {
  // As Node runs it, without Jest's own flags.
  const child = fork(join(import.meta.dirname, 'server-process.fixture.ts'), { execArgv: [] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const [port] = (await once(child, 'message')) as [number];
  return { port, child };
}

afterAll(() => {
  closeMeshClients();
  for (const child of running) child.kill('SIGKILL');
});

describe('a rolling restart under load', () => {
  it('fails no call, although naming is heard late and nothing is tried again', async () => {
    const naming = new FakeNaming();
    registerMeshResolver(naming);
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, startReplica));
    const say = () => naming.say('echo', ...replicas.map(({ port }) => port));
    say();
    const client = createMeshClient(Echo, { target: 'zk:///echo', defaultDeadlineMs: 20_000 });
    const load = { stop: false, answered: 0 };
    const failures: unknown[] = [];
    const callers = Array.from({ length: 8 }, async () => {
      while (!load.stop) {
        await client.echo(new Uint8Array(10)).then(
          () => load.answered++,
          (error: unknown) => failures.push(error),
        );
      }
    });
    await until(() => load.answered > 100);
    for (let i = 0; i < REPLICAS; i++) {
      const next = await startReplica();
      const old = replicas.shift();
      replicas.push(next);
      old?.child.kill('SIGTERM');
      await sleep(100);
      say();
      if (old?.child.exitCode === null) await once(old.child, 'exit');
    }
    load.stop = true;
    await Promise.all(callers);
    expect(failures).toEqual([]);
    expect(load.answered).toBeGreaterThan(300);
  }, 60_000);
});
