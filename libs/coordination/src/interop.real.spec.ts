import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { AtomicCounter, Election, type Leadership, Lock, ReadWriteLock, Semaphore } from './index.ts';
import { eventually, pause, servers, Stage } from './spec-support.ts';
import { curator, kazoo, Peer } from './testing/peer.ts';

/** Three processes share a machine here: long enough that none of them is taken for dead. */
const SESSION_TIMEOUT_MS = 6000;

/** Whoever has no Python, no compiler for Java or no Maven can still run everything else; the project's own checks have them. */
describe.each([kazoo, curator])('recipes shared with $name, real server', (kind) => {
  const itShares = kind.available ? it : it.skip;
  let stage: Stage;
  let peer: Peer;
  let holder: ChildProcess | undefined;

  beforeEach(async () => {
    if (!kind.available) return;
    stage = new Stage();
    peer = new Peer(kind, servers, SESSION_TIMEOUT_MS);
    // How long it takes to start is not what is waited for below.
    await peer.ask('ready', {});
  });

  afterEach(async () => {
    holder?.kill('SIGKILL');
    if (!kind.available) return;
    await Promise.all([peer.close(), stage.close()]);
  });

  /** Whether the promise is still open after a while in which it could have been settled. */
  const isOpen = (promise: Promise<unknown>) =>
    Promise.race([promise.then(() => false), pause(200).then(() => true)]);
  const sequenceOf = (path: string) => Number(path.slice(-10));

  itShares('hands a lock over in both directions', async () => {
    const lock = new Lock(await stage.connect(SESSION_TIMEOUT_MS), stage.path);
    const mine = await lock.acquire();
    expect(await peer.ask('acquire', { name: 'try', path: stage.path, blocking: false })).toBeNull();
    const its = peer.ask<string>('acquire', { name: 'a', path: stage.path });
    await eventually(async () => (await lock.participants()).length === 2);
    expect(await isOpen(its)).toBe(true);
    await mine.release();
    expect(await its).toMatch(
      kind === kazoo ? /^[0-9a-f]{32}__lock__\d{10}$/ : /^_c_[-0-9a-f]{36}-lock-\d{10}$/,
    );

    await expect(lock.acquire({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    const again = lock.acquire();
    await eventually(async () => (await lock.participants()).length === 2);
    expect(await isOpen(again)).toBe(true);
    await peer.ask('release', { name: 'a' });
    const handle = await again;
    expect(handle.isHeld()).toBe(true);
    expect(handle.token.czxid).toBeGreaterThan(mine.token.czxid);
  });

  itShares('serves both in the order of their numbers', async () => {
    const lock = new Lock(await stage.connect(SESSION_TIMEOUT_MS), stage.path);
    const first = await lock.acquire();
    const served: { who: string; number: number }[] = [];
    const all: Promise<unknown>[] = [];
    for (let i = 0; i < 8; i++) {
      const name = `k${i}`;
      const one =
        i % 2 === 0
          ? lock.acquire().then(async (handle) => {
              served.push({ who: 'ours', number: sequenceOf(handle.path) });
              await handle.release();
            })
          : peer.ask<string>('acquire', { name, path: stage.path }).then(async (node) => {
              served.push({ who: 'theirs', number: sequenceOf(node) });
              await peer.ask('release', { name });
            });
      all.push(one);
      await eventually(async () => (await lock.participants()).length === i + 2);
    }
    const line = (await lock.participants()).slice(1).map(sequenceOf);
    await first.release();
    await Promise.all(all);
    expect(served).toEqual(line.map((number, i) => ({ who: i % 2 === 0 ? 'ours' : 'theirs', number })));
    expect(await lock.participants()).toEqual([]);
  });

  itShares('lets only one in at a time, whoever it is', async () => {
    const zk = await stage.connect(SESSION_TIMEOUT_MS);
    const lock = new Lock(zk, stage.path);
    const room = `${stage.path}-room`;
    const enter = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const handle = await lock.acquire();
        // Fails when somebody is in.
        await zk.create(room, 'ours', { mode: 'ephemeral' });
        await zk.delete(room);
        await handle.release();
      }
      return times;
    };
    const its = { path: stage.path, room, times: 25 };
    const entered = [enter(25), enter(25), peer.ask('enter', its), peer.ask('enter', its)];
    expect(await Promise.all(entered)).toEqual([25, 25, 25, 25]);
  });

  itShares('takes over from a holder that was killed', async () => {
    const lock = new Lock(await stage.connect(SESSION_TIMEOUT_MS), stage.path);
    await peer.ask('acquire', { name: 'a', path: stage.path });
    const mine = lock.acquire();
    await eventually(async () => (await lock.participants()).length === 2);
    await peer.kill();
    expect((await mine).isHeld()).toBe(true);
    expect(await lock.participants()).toHaveLength(1);
  });

  itShares('leaves a lock to it when a process of ours was killed', async () => {
    const zk = await stage.connect(SESSION_TIMEOUT_MS);
    const script = join(import.meta.dirname, 'testing/lock-holder.ts');
    holder = spawn(process.execPath, [script, servers, stage.path], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(holder.stdout as NodeJS.ReadableStream, 'data');
    const its = peer.ask<string>('acquire', { name: 'a', path: stage.path });
    await eventually(async () => (await zk.children(stage.path)).length === 2);
    expect(await isOpen(its)).toBe(true);
    holder.kill('SIGKILL');
    expect(await zk.children(stage.path)).toContain(await its);
  });

  itShares('elects one leader among both', async () => {
    const zk = await stage.connect(SESSION_TIMEOUT_MS);
    const terms: Promise<Leadership>[] = [];
    const won = [Promise.withResolvers<Leadership>(), Promise.withResolvers<Leadership>()];
    terms.push(...won.map(({ promise }) => promise));
    const resign = Promise.withResolvers<void>();
    const election = new Election(zk, stage.path, 'ours');
    let term = 0;
    election.run(async (leadership) => {
      won[term]?.resolve(leadership);
      if (term++ === 0) await resign.promise;
      else await once(leadership.signal, 'abort');
    });
    const first = await terms[0];
    const its = peer.ask<string[]>('lead', { name: 'k', path: stage.path, identifier: 'theirs' });
    await eventually(async () => (await election.participants()).length === 2);
    expect(await election.participants()).toEqual(['ours', 'theirs']);
    expect(await isOpen(its)).toBe(true);
    expect([first?.isHeld(), election.isLeader]).toEqual([true, true]);

    resign.resolve();
    // In line again, behind the one who leads.
    await its;
    await eventually(async () => (await election.participants()).length === 2);
    expect(await election.participants()).toEqual(['theirs', 'ours']);
    expect([election.isLeader, term]).toEqual([false, 1]);

    await peer.ask('release', { name: 'k' });
    expect((await terms[1])?.token.czxid).toBeGreaterThan(first?.token.czxid as bigint);
    await election.stop();
  });

  itShares('shares a lock of readers and writers', async () => {
    const lock = new ReadWriteLock(await stage.connect(SESSION_TIMEOUT_MS), stage.path);
    const at = { path: stage.path };
    const length = (wanted: number) => eventually(async () => (await lock.participants()).length === wanted);
    const reader = await lock.read();
    await peer.ask('acquire', { ...at, name: 'r', kind: 'read' });
    const itsWriter = peer.ask('acquire', { ...at, name: 'w', kind: 'write' });
    await length(3);
    const late = lock.read();
    await length(4);
    expect([await isOpen(itsWriter), await isOpen(late)]).toEqual([true, true]);
    await peer.ask('release', { name: 'r' });
    expect(await isOpen(itsWriter)).toBe(true);
    await reader.release();
    await itsWriter;
    // Behind a writer whose name may not be ours.
    expect(await isOpen(late)).toBe(true);
    await peer.ask('release', { name: 'w' });

    const lateReader = await late;
    const writing = lock.write();
    await length(2);
    const itsReader = peer.ask('acquire', { ...at, name: 'r2', kind: 'read' });
    await length(3);
    expect([await isOpen(writing), await isOpen(itsReader)]).toEqual([true, true]);
    await lateReader.release();
    const writer = await writing;
    expect(await isOpen(itsReader)).toBe(true);
    await writer.release();
    await itsReader;
    const last = lock.write();
    await length(2);
    expect(await isOpen(last)).toBe(true);
    await peer.ask('release', { name: 'r2' });
    expect((await last).isHeld()).toBe(true);
  });

  // Curator's counters are binary.
  if (kind === kazoo)
    itShares('counts together', async () => {
      const zk = await stage.connect(SESSION_TIMEOUT_MS);
      const counter = new AtomicCounter(zk, stage.path);
      const ours = Array.from({ length: 20 }, () => counter.add(3n));
      const theirs = Array.from({ length: 20 }, () => peer.ask('add', { path: stage.path, number: -1 }));
      await Promise.all([...ours, ...theirs]);
      expect(await counter.get()).toBe(40n);
      expect(await peer.ask('add', { path: stage.path, number: 2 })).toBe(42);
    });

  // Kazoo keeps leases elsewhere.
  if (kind === curator)
    itShares('gives out leases from the same stock', async () => {
      const zk = await stage.connect(SESSION_TIMEOUT_MS);
      const semaphore = new Semaphore(zk, stage.path, 3);
      const ask = (name: string) => peer.ask('lease', { name, path: stage.path, leases: 3 });
      const ours = [await semaphore.acquire(), await semaphore.acquire()];
      await ask('one');
      await expect(semaphore.acquire({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'LEASE_TIMEOUT' });
      const next = ask('two');
      expect(await isOpen(next)).toBe(true);
      await ours.pop()?.release();
      await next;
      const last = semaphore.acquire();
      expect(await isOpen(last)).toBe(true);
      await peer.ask('release', { name: 'one' });
      expect((await last).isHeld()).toBe(true);
      expect(await semaphore.participants()).toHaveLength(3);
    });
});
