import { ManualClock } from '@flashmesh/core';
import {
  AtomicCounter,
  Barrier,
  claimWorkerId,
  Configuration,
  DoubleBarrier,
  GroupMembership,
  IdSource,
  LeaderLatch,
  type Schema,
  SharedValue,
} from './index.ts';
import type { Logger } from '@flashmesh/telemetry';
import { eventually, killSession, pause, Stage } from './spec-support.ts';

describe('recipes, real server', () => {
  let stage: Stage;
  let stop: AbortController;
  const running: Promise<void>[] = [];

  beforeEach(() => {
    stage = new Stage();
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort();
    await Promise.all(running.splice(0));
    await stage.close();
  });

  it('has one leader, which another follows when it is closed or its session ends', async () => {
    const zk = [await stage.connect(), await stage.connect()];
    const changes: string[] = [];
    const latches = zk.map(
      (client, i) =>
        new LeaderLatch(client, stage.path, `candidate-${i}`, {
          onChange: (leadership) => changes.push(`${i} ${leadership ? 'leads' : 'does not'}`),
        }),
    );
    const [first, second] = latches as [LeaderLatch, LeaderLatch];
    first.start();
    const leadership = await first.awaitLeadership();
    second.start();
    await eventually(async () => (await second.participants()).length === 2);
    expect(await second.participants()).toEqual(['candidate-0', 'candidate-1']);
    expect([first.leadership, second.leadership]).toEqual([leadership, undefined]);
    await killSession(zk[0] as (typeof zk)[0]);
    const next = await second.awaitLeadership();
    expect(next.token.czxid).toBeGreaterThan(leadership.token.czxid);
    await eventually(() => first.leadership === undefined);
    await eventually(async () => (await second.participants()).length === 2);
    await second.close();
    await first.awaitLeadership();
    await first.close();
    const of = (id: string) => changes.filter((change) => change.startsWith(id));
    expect(of('0')).toEqual(['0 leads', '0 does not', '0 leads', '0 does not']);
    expect(of('1')).toEqual(['1 leads', '1 does not']);
    await expect(first.awaitLeadership()).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  it('holds who comes to a barrier until it is lifted', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const barrier = new Barrier(one, stage.path);
    await barrier.wait();
    await barrier.set();
    await barrier.set();
    await expect(new Barrier(two, stage.path).wait({ timeoutMs: 50 })).rejects.toMatchObject({
      code: 'BARRIER_TIMEOUT',
    });
    let through = false;
    const waiting = new Barrier(two, stage.path).wait().then(() => (through = true));
    // An event that is not the one that is waited for.
    await one.set(stage.path, 'still here');
    await pause(50);
    expect(through).toBe(false);
    await barrier.lift();
    await waiting;
    await barrier.lift();
    expect(two.watchCount).toBe(0);
  });

  it('lets all in together and all out together', async () => {
    const zk = [await stage.connect(), await stage.connect(), await stage.connect()];
    const inside = new Set<number>();
    const members = zk.map((client, i) => new DoubleBarrier(client, stage.path, `m${i}`, 3));
    const enter = (i: number) => (members[i] as DoubleBarrier).enter().then(() => inside.add(i));
    const entering = [enter(0), enter(1)];
    await eventually(async () => (await (zk[0] as (typeof zk)[0]).exists(stage.path))?.numChildren === 2);
    await expect(
      new DoubleBarrier(zk[2] as (typeof zk)[0], `${stage.path}-alone`, 'm2', 2).enter({ timeoutMs: 50 }),
    ).rejects.toMatchObject({ code: 'BARRIER_TIMEOUT' });
    // A session that ends while it waits comes back.
    await killSession(zk[1] as (typeof zk)[0]);
    await eventually(async () => (await (zk[0] as (typeof zk)[0]).exists(stage.path))?.numChildren === 2);
    expect(inside.size).toBe(0);
    await Promise.all([...entering, enter(2)]);
    expect(inside.size).toBe(3);
    const left: number[] = [];
    const leave = (i: number) => (members[i] as DoubleBarrier).leave().then(() => left.push(i));
    const leaving = [leave(0), leave(2)];
    await pause(100);
    expect(left).toEqual([]);
    await Promise.all([...leaving, leave(1)]);
    expect(left).toHaveLength(3);
    expect(await (zk[0] as (typeof zk)[0]).children(stage.path)).toEqual([]);
  });

  it('lets nobody in before those who were named, and makes no barrier again that its host removed', async () => {
    const zk = [await stage.connect(), await stage.connect(), await stage.connect()] as const;
    await zk[0].mkdirp(stage.path);
    const enter = (i: 0 | 1 | 2, members: number | readonly string[]) =>
      new DoubleBarrier(zk[i], stage.path, `m${i}`, members, { mustExist: true }).enter();
    let open = false;
    const host = enter(0, ['m0', 'm2']).then(() => (open = true));
    const stranger = enter(1, Infinity);
    await eventually(async () => (await zk[0].children(stage.path)).length === 2);
    await pause(100);
    expect(open).toBe(false);
    await Promise.all([host, stranger, enter(2, Infinity)]);
    expect(open).toBe(true);
    for (const name of await zk[0].children(stage.path)) await zk[0].delete(`${stage.path}/${name}`);
    await zk[0].delete(stage.path);
    await expect(enter(1, 1)).rejects.toMatchObject({ code: 'BARRIER_GONE' });
    await new DoubleBarrier(zk[1], stage.path, 'm1', 1, { mustExist: true }).leave();
    expect(await zk[0].exists(stage.path)).toBeUndefined();
  });

  it('changes a value by its version, and shows it to all', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const mine = new SharedValue(one, `${stage.path}/deep/value`, 'first');
    const theirs = new SharedValue(two, `${stage.path}/deep/value`, 'other');
    const seen: string[] = [];
    await theirs.watch(({ data }) => seen.push(data.toString()), { until: stop.signal });
    const { data, version } = await mine.get();
    expect([data.toString(), version]).toEqual(['other', 0]);
    expect(await mine.trySet(version, 'second')).toMatchObject({ version: 1 });
    expect(await mine.trySet(version, 'never')).toBeUndefined();
    await eventually(() => seen.at(-1) === 'second');
    await killSession(two);
    await mine.set('third');
    await eventually(() => seen.at(-1) === 'third');
  });

  it('shows a value whose node was deleted and made again with the version it had', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const path = `${stage.path}/value`;
    await one.mkdirp(stage.path);
    await one.create(path, 'by hand');
    const seen: string[] = [];
    const value = new SharedValue(two, path, 'initial');
    await value.watch(({ data, version }) => seen.push(`${version} ${String(data)}`), { until: stop.signal });
    await one.delete(path);
    await eventually(() => seen.length === 2);
    expect(seen).toEqual(['0 by hand', '0 initial']);
  });

  it('counts what was added by all', async () => {
    const zk = [await stage.connect(), await stage.connect()];
    const counters = zk.map((client) => new AtomicCounter(client, `${stage.path}/counter`));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => (counters[i % 2] as AtomicCounter).add(2n)),
    );
    expect(new Set(answers).size).toBe(40);
    const [counter] = counters as [AtomicCounter];
    expect(await counter.get()).toBe(80n);
    expect([await counter.compareAndSet(79n, 0n), await counter.compareAndSet(80n, -1n)]).toEqual([
      false,
      true,
    ]);
    expect(await counter.get()).toBe(-1n);
  });

  it('knows who is there', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const first = new GroupMembership(one, stage.path, 'one', '1');
    const second = new GroupMembership(two, stage.path, 'two', '2');
    await Promise.all([first.start(), second.start()]);
    await eventually(() => first.members.size === 2 && second.members.size === 2);
    expect(second.members.get('one')?.toString()).toBe('1');
    await killSession(two);
    await eventually(() => !first.members.has('two'));
    await eventually(() => first.members.has('two'));
    await second.close();
    await eventually(() => [...first.members.keys()].join() === 'one');
    await first.close();
  });

  it('names the field and the rule, and refuses to replace a version that is gone', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const warnings: object[] = [];
    const logger = { warn: (fields: object) => warnings.push(fields) } as unknown as Logger;
    const schema: Schema<{ limit?: number }> = {
      safeParse: (value) =>
        (value as { limit: number }).limit > 0 || !('limit' in (value as object))
          ? { success: true, data: value as { limit?: number } }
          : {
              success: false,
              error: { message: 'long', issues: [{ path: ['limit'], message: 'must be 1 or more' }] },
            },
    };
    const path = `${stage.path}/config`;
    const config = new Configuration(one, path, { schema, initial: {}, logger });
    expect(await config.read()).toEqual({ value: {}, version: 0 });
    await expect(config.publish({ limit: 0 })).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      field: 'limit',
      message: 'limit must be 1 or more',
    });
    await config.start();
    await two.set(path, '{"limit":-1}');
    await eventually(() => warnings.length === 1);
    expect(warnings[0]).toMatchObject({ path, version: 1, error: 'limit must be 1 or more' });
    expect(await config.read()).toEqual({ fault: 'limit must be 1 or more', version: 1 });
    expect(await config.publish({ limit: 5 }, 1)).toBe(2);
    await eventually(() => config.current.limit === 5);
    // Deleted by hand: the initial value is back.
    await two.delete(path);
    await eventually(() => config.current.limit === undefined);
    const never = new Configuration(two, `${stage.path}/never`, { schema, initial: {} });
    await expect(never.publish({}, 2)).rejects.toMatchObject({ code: 'CONFIGURATION_CHANGED' });
    config.stop();
  });

  it('may join without looking', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const quiet = new GroupMembership(one, stage.path, 'quiet', '1', { observe: false });
    const other = new GroupMembership(two, stage.path, 'other', '2');
    await Promise.all([quiet.start(), other.start()]);
    await eventually(() => [...other.members.keys()].join() === 'other,quiet');
    expect([quiet.members.size, one.watchCount]).toEqual([0, 1]);
    await quiet.close();
    await eventually(() => other.members.size === 1);
    await other.close();
  });

  it('publishes a configuration, and keeps the last good one', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const schema: Schema<{ limit: number }> = {
      safeParse: (value) => {
        const limit = (value as { limit?: unknown }).limit;
        return typeof limit === 'number'
          ? { success: true, data: { limit } }
          : { success: false, error: { message: 'limit: must be a number' } };
      },
    };
    const make = (zk: typeof one) =>
      new Configuration(zk, `${stage.path}/config`, { schema, initial: { limit: 1 } });
    const [publisher, subscriber] = [make(one), make(two)];
    await Promise.all([publisher.start(), subscriber.start()]);
    expect([subscriber.current, subscriber.version]).toEqual([{ limit: 1 }, 0]);
    expect(await publisher.publish({ limit: 2 }, 0)).toBe(1);
    await eventually(() => subscriber.current.limit === 2);
    await expect(publisher.publish({ limit: 3 }, 0)).rejects.toMatchObject({ code: 'CONFIGURATION_CHANGED' });
    await expect(publisher.publish({ limit: 'x' as never })).rejects.toMatchObject({
      code: 'BAD_CONFIGURATION',
      message: expect.stringContaining('limit'),
    });
    await one.set(`${stage.path}/config`, '{"limit":"by hand"}');
    await one.set(`${stage.path}/config`, 'no JSON');
    await pause(100);
    expect(subscriber.current).toEqual({ limit: 2 });
    await publisher.publish({ limit: 4 });
    await eventually(() => subscriber.current.limit === 4);
    publisher.stop();
    subscriber.stop();
  });

  it('gives each worker a number of its own', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const [a, b] = await Promise.all([
      claimWorkerId(one, stage.path, 'one', 2),
      claimWorkerId(two, stage.path, 'two', 2),
    ]);
    expect(new Set([a.id, b.id])).toEqual(new Set([0, 1]));
    await expect(claimWorkerId(one, stage.path, 'three', 2)).rejects.toMatchObject({ code: 'NO_WORKER_ID' });
    const lost = one.sessionId;
    await killSession(one);
    // Connected is not enough: for a moment the client may be so with the session that is about to end.
    await eventually(
      () => a.signal.aborted && one.state.name === 'connected' && one.state.sessionId !== lost,
    );
    const again = await claimWorkerId(one, stage.path, 'one', 2);
    expect(again.id).toBe(a.id);
    await again.release();
  });

  it('makes ids that differ between processes, grow in each, and sort by time', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const clock = new ManualClock(1_700_000_000_000);
    const sources = [one, two].map((zk, i) => new IdSource(zk, stage.path, `process-${i}`, { clock }));
    const [first, second] = sources as [IdSource, IdSource];
    const make = (source: IdSource, count: number) =>
      Promise.all(Array.from({ length: count }, () => source.next()));
    // More at one moment than the counter holds.
    const ids = await Promise.all([make(first, 5000), make(second, 100)]);
    expect(new Set(ids.flat()).size).toBe(5100);
    for (const made of ids) expect(made).toEqual(made.toSorted());
    expect(ids[1]?.[0]).toMatch(/^018bcfe56800-00[01]-000$/);
    await clock.advance(10);
    const later = await second.next();
    expect(ids.flat().every((id) => id < later)).toBe(true);

    // The number of a lost session may be another's by now: a new one is claimed.
    const lost = one.sessionId;
    await killSession(one);
    await eventually(() => one.state.name === 'connected' && one.state.sessionId !== lost);
    const again = await make(first, 3);
    expect(again.every((id) => id > (ids[0]?.at(-1) ?? ''))).toBe(true);
    expect(await one.children(stage.path)).toHaveLength(2);
    await Promise.all(sources.map((source) => source.close()));
    expect(await two.children(stage.path)).toEqual([]);
  });
});
