import { CREATOR_ALL_ACL } from '@flashmesh/zookeeper';
import { Lock, MultiLock, ReadWriteLock, Semaphore } from './index.ts';
import { eventually, killSession, pause, Stage } from './spec-support.ts';

describe('locks, real server', () => {
  let stage: Stage;

  beforeEach(() => {
    stage = new Stage();
  });

  afterEach(() => stage.close());

  /** Whether the promise is still open after a while in which it could have been settled. */
  const isOpen = (promise: Promise<unknown>) =>
    Promise.race([promise.then(() => false), pause(100).then(() => true)]);

  it('is entered again by handle, and free when all handles are released', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const outer = await new Lock(one, stage.path).acquire();
    const inner = outer.reenter();
    expect([outer.entries, inner.token]).toEqual([2, outer.token]);
    const other = new Lock(two, stage.path).acquire();
    await outer.release();
    await outer.release();
    expect(inner.isHeld()).toBe(true);
    expect(await isOpen(other)).toBe(true);
    await inner.release();
    expect((await other).token.czxid).toBeGreaterThan(outer.token.czxid);
    expect((await other).token.ensemble).toBe(outer.token.ensemble);
  });

  it('tries once, and leaves nothing behind', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const held = await new Lock(one, stage.path).acquire({ timeoutMs: 0 });
    const trying = new Lock(two, stage.path).acquire({ timeoutMs: 0 });
    await expect(trying).rejects.toMatchObject({ code: 'LOCK_TIMEOUT' });
    expect(await new Lock(one, stage.path).participants()).toHaveLength(1);
    await held.release();
    await (await new Lock(two, stage.path).acquire({ timeoutMs: 0 })).release();
    await eventually(() => one.watchCount + two.watchCount === 0);
  });

  it('leaves no watch behind when waiting is given up', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const held = await new Lock(one, stage.path).acquire();
    const lock = new Lock(two, stage.path);
    await Promise.all(
      Array.from({ length: 5 }, () => lock.acquire({ timeoutMs: 50 }).catch((error: unknown) => error)),
    );
    await eventually(() => two.watchCount === 0);
    const [holder] = await lock.participants();
    expect(await two.hasWatch(`${stage.path}/${holder}`, 'data')).toBe(false);
    await held.release();
  });

  it('asks for the lock back', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    let asked = 0;
    const held = await new Lock(one, stage.path).acquire({ onRevoke: () => asked++ });
    await new Lock(two, stage.path).revoke();
    await eventually(() => asked === 1);
    expect(held.isHeld()).toBe(true);
    await held.release();
    await new Lock(two, stage.path).revoke();
    expect(asked).toBe(1);
  });

  it('writes under the lock only while it is held', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const target = `${stage.path}-target`;
    await one.create(target, '0');
    const held = await new Lock(one, stage.path).acquire();
    const [stat] = await held.guard([{ op: 'set', path: target, data: '1' }]);
    expect(stat.version).toBe(1);
    const refused = held.guard([
      { op: 'set', path: target, data: 'x' },
      { op: 'check', path: target, version: 9 },
    ]);
    await expect(refused).rejects.toMatchObject({ code: 'ZK_BAD_VERSION', index: 1 });
    // Its node is gone, and it does not know.
    const [name] = await two.children(stage.path);
    const deleting = two.delete(`${stage.path}/${name}`);
    const late = held.guard([{ op: 'set', path: target, data: '2' }]);
    await deleting;
    await late.catch(() => undefined);
    const after = held.guard([{ op: 'set', path: target, data: '3' }]);
    await expect(after).rejects.toMatchObject({ code: 'NOT_HELD' });
    expect(['1', '2']).toContain((await two.get(target)).data.toString());
  });

  it('knows at once that it is not held any more when its session is over', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const held = await new Lock(one, stage.path).acquire();
    const next = new Lock(two, stage.path).acquire();
    expect(held.isHeld()).toBe(true);
    await killSession(one);
    const handle = await next;
    await eventually(() => !held.isHeld());
    await expect(held.guard([])).rejects.toMatchObject({ code: 'NOT_HELD' });
    expect(handle.isHeld()).toBe(true);
  });

  it('lets many read or one write, in order of arrival', async () => {
    const zk = [await stage.connect(), await stage.connect()] as const;
    const lock = (i: 0 | 1) => new ReadWriteLock(zk[i], stage.path);
    const readers = await Promise.all([lock(0).read(), lock(1).read()]);
    const writing = lock(0).write();
    await eventually(async () => (await lock(0).participants()).length === 3);
    const late = lock(1).read();
    expect(await isOpen(writing)).toBe(true);
    expect(await isOpen(late)).toBe(true);
    await Promise.all(readers.map((reader) => reader.release()));
    const writer = await writing;
    expect(await isOpen(late)).toBe(true);
    await writer.release();
    expect((await late).token.czxid).toBeGreaterThan((await writing).token.czxid);
    await (await late).release();
    expect(await lock(0).participants()).toEqual([]);
    await eventually(() => zk[0].watchCount + zk[1].watchCount === 0);
  });

  it('never has a reader with a writer', async () => {
    const zk = [await stage.connect(), await stage.connect()] as const;
    let readers = 0;
    let writers = 0;
    let together = 0;
    const wrong: string[] = [];
    const work = async (i: number) => {
      const lock = new ReadWriteLock(zk[i % 2] as (typeof zk)[0], stage.path);
      if (i % 3 === 0) {
        const handle = await lock.write();
        if (++writers > 1 || readers > 0)
          wrong.push(`writer ${i} with ${writers - 1} writers, ${readers} readers`);
        await pause(2);
        writers--;
        await handle.release();
      } else {
        const handle = await lock.read();
        readers++;
        if (writers > 0) wrong.push(`reader ${i} with a writer`);
        together = Math.max(together, readers);
        await pause(2);
        readers--;
        await handle.release();
      }
    };
    await Promise.all(Array.from({ length: 30 }, (_, i) => work(i)));
    expect(wrong).toEqual([]);
    expect(together).toBeGreaterThan(1);
  });

  it('becomes a reader ahead of a writer that waits', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const writer = await new ReadWriteLock(one, stage.path).write();
    const next = new ReadWriteLock(two, stage.path).write();
    await eventually(async () => (await new ReadWriteLock(one, stage.path).participants()).length === 2);
    const reader = await writer.downgrade();
    expect([writer.isHeld(), reader.isHeld()]).toEqual([false, true]);
    expect(reader.token.czxid).toBeGreaterThan(writer.token.czxid);
    expect(await isOpen(next)).toBe(true);
    await expect(writer.downgrade()).rejects.toMatchObject({ code: 'NOT_HELD' });
    await reader.release();
    await (await next).release();
  });

  it('gives out so many leases and no more', async () => {
    const zk = [await stage.connect(), await stage.connect()] as const;
    const semaphore = (i: number) => new Semaphore(zk[i % 2] as (typeof zk)[0], stage.path, 3);
    let out = 0;
    let most = 0;
    const work = async (i: number) => {
      const lease = await semaphore(i).acquire();
      most = Math.max(most, ++out);
      await pause(50);
      out--;
      await lease.release();
    };
    await Promise.all(Array.from({ length: 20 }, (_, i) => work(i)));
    expect(most).toBe(3);
    const all = await semaphore(0).acquireMany(3);
    await expect(semaphore(1).acquire({ timeoutMs: 0 })).rejects.toMatchObject({ code: 'LEASE_TIMEOUT' });
    await expect(semaphore(1).acquire({ timeoutMs: 50 })).rejects.toMatchObject({ code: 'LEASE_TIMEOUT' });
    await (all.pop() as (typeof all)[0]).release();
    await expect(semaphore(1).acquireMany(2, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'LEASE_TIMEOUT',
    });
    await eventually(async () => (await semaphore(0).participants()).length === 2);
    await Promise.all(all.map((lease) => lease.release()));
    await eventually(() => zk[0].watchCount + zk[1].watchCount === 0);
  });

  it('tells a fault at the door of a semaphore from leases that are out', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const path = `${stage.path}/forbidden`;
    await one.mkdirp(stage.path);
    await one.addAuth('digest', 'ann:secret');
    await one.create(path, '', { acl: CREATOR_ALL_ACL });
    const asking = new Semaphore(two, path, 1).acquire({ timeoutMs: 0 });
    await expect(asking).rejects.toMatchObject({ code: 'ZK_NO_AUTH' });
    await two.close();
    const late = new Semaphore(two, stage.path, 1).acquire({ timeoutMs: 0 });
    await expect(late).rejects.toMatchObject({ code: 'ZK_CLOSED' });
  });

  it('takes all of several locks, or none', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const locks = (zk: typeof one) => [
      new Lock(zk, `${stage.path}/a`),
      new Semaphore(zk, `${stage.path}/b`, 1),
    ];
    const held = await new Lock(one, `${stage.path}/a`).acquire();
    const second = await new Semaphore(one, `${stage.path}/b`, 1).acquire();
    await held.release();
    await expect(new MultiLock(locks(two)).acquire({ timeoutMs: 100 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });
    expect(await new Lock(one, `${stage.path}/a`).participants()).toEqual([]);
    await second.release();
    const both = await new MultiLock(locks(two)).acquire();
    expect([both.holdings.length, both.isHeld(), both.signal.aborted]).toEqual([2, true, false]);
    await killSession(two);
    await eventually(() => both.signal.aborted && !both.isHeld());
    await both.release();
  });
});
