import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ConnectionState, ZooKeeper } from '@flashmesh/zookeeper';
import {
  AtomicCounter,
  DoubleBarrier,
  Election,
  type Leadership,
  Lock,
  ReadWriteLock,
  Semaphore,
} from './index.ts';

/** It belongs to the client; other libraries may only run it. */
const script = join(import.meta.dirname, '../../zookeeper/src/testing/ensemble-process.ts');

describe('recipes without a quorum, a real ensemble', () => {
  let ensemble: ChildProcess;
  let next: () => Promise<string>;
  let servers: string;
  const clients: ZooKeeper[] = [];

  const tell = async (command: string) => {
    ensemble.stdin?.write(`${command}\n`);
    expect(await next()).toBe('done');
  };
  const connect = async () => {
    const zk = await ZooKeeper.connect({
      servers,
      sessionTimeoutMs: 5000,
      initialTimeoutMs: 100_000,
      readOnly: true,
    });
    clients.push(zk);
    return zk;
  };
  const isReadOnly = (state: ConnectionState) => state.name === 'connected' && state.readOnly;
  const readOnly = (zk: ZooKeeper) =>
    new Promise<void>((resolve) => zk.onState((state) => isReadOnly(state) && resolve()));

  beforeAll(async () => {
    ensemble = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: ensemble.stdout as NodeJS.ReadableStream })[
      Symbol.asyncIterator
    ]();
    next = async () => String((await lines.next()).value);
    servers = await next();
  });

  afterAll(async () => {
    for (const zk of clients) zk.destroy();
    ensemble.stdin?.end();
    if (ensemble.exitCode === null) await once(ensemble, 'exit');
  });

  it('hold nothing, give nothing out, and go on when it is back', async () => {
    const [one, two] = [await connect(), await connect()];
    const held = await new Lock(one, '/lock').acquire();
    const waiting = new Lock(two, '/lock').acquire();
    // Awaited at the end; what fails before is not to end the process.
    waiting.catch(() => undefined);
    const lease = await new Semaphore(one, '/semaphore', 3).acquire();
    const terms: Leadership[] = [];
    const election = new Election(one, '/election', 'one');
    let again = Promise.withResolvers<void>();
    election.run(async (leadership) => {
      terms.push(leadership);
      again.resolve();
      await new Promise((resolve) => leadership.signal.addEventListener('abort', resolve, { once: true }));
    });
    await again.promise;
    again = Promise.withResolvers<void>();

    const reading = [readOnly(one), readOnly(two)];
    await tell('kill 0 1');
    await Promise.all(reading);
    for (const holding of [held, lease, ...terms]) {
      expect([holding.isHeld(), holding.signal.aborted]).toEqual([false, true]);
      await expect(holding.guard([])).rejects.toMatchObject({ code: 'NOT_HELD' });
    }
    expect(election.isLeader).toBe(false);
    // The node of the lock is there to be seen: nobody has ended its session.
    expect(await new Lock(two, '/lock').participants()).toHaveLength(2);
    const asked = [
      new Lock(one, '/lock').acquire(),
      new Lock(one, '/lock').acquire({ timeoutMs: 0 }),
      new ReadWriteLock(one, '/read-write').read(),
      new Semaphore(one, '/semaphore', 3).acquire(),
      new Semaphore(one, '/semaphore', 3).acquire({ timeoutMs: 0 }),
      new DoubleBarrier(one, '/barrier', 'one', 1).enter(),
      new AtomicCounter(one, '/counter').add(1n),
    ];
    const outcomes = await Promise.allSettled(asked);
    expect(
      outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as { code: string }).code),
    ).toEqual(asked.map(() => 'ZK_NOT_READ_ONLY'));
    expect([terms.length, election.isLeader, isReadOnly(one.state)]).toEqual([1, false, true]);

    await tell('start 0');
    // Who waited before waits on, and the old holders' nodes go with their sessions.
    const handle = await waiting;
    expect(handle.isHeld()).toBe(true);
    expect(handle.token.czxid).toBeGreaterThan(held.token.czxid);
    await again.promise;
    expect(terms[1]?.token.czxid).toBeGreaterThan(terms[0]?.token.czxid as bigint);
    await Promise.all([handle.release(), election.stop()]);
  });
});
