import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AtomicCounter, type FencingToken, Lock, Queue, ReadWriteLock } from '@flashmesh/coordination';
import { joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { eventually, pause } from '../support/eventually.ts';
import { FencedResource } from './support/fenced-resource.ts';
import {
  markedLease,
  marksPath,
  PERMITS,
  type PlainToken,
  type Summary,
  type Told,
} from './support/recipe-marks.ts';
import { SESSION_MS, Stage } from './support/stage.ts';

/** Slower than the process works items off, also on a machine that is busy with something else. */
const PUT_EVERY_MS = 250;
const PATIENCE_MS = 300_000;
/** How long the process is frozen, in sessions; past one, its session may be over when it wakes, past two it is. */
const all = [0.5, 0.9, 1.1, 3];
const chosen = (process.env['FAULTS'] === 'some' ? [1.1] : all).filter((sessions) =>
  `frozen for ${sessions} sessions`.includes(process.env['FAULT'] ?? ''),
);

describe.each(chosen)('a process that uses all recipes is frozen for %s sessions', (sessions) => {
  let stage: Stage;
  let child: ChildProcess;
  let summary: Summary | undefined;
  const lock = new FencedResource();
  const rwlock = new FencedResource();
  const worked = new Map<string, number>();
  const put: string[] = [];
  let permitsOut = 0;
  let mostPermits = 0;
  let added = 0;

  const at = (name: string) => joinPath(stage.path, name);
  const token = ({ ensemble, czxid }: PlainToken): FencingToken => ({ ensemble, czxid: BigInt(czxid) });

  /** What the process tells, in the order in which it told it. */
  const hear = (told: Told): void => {
    if (told.thing === 'summary') summary = told;
    else if (told.thing === 'queue') worked.set(told.item, (worked.get(told.item) ?? 0) + 1);
    else (told.thing === 'lock' ? lock : rwlock)[told.kind](token(told.token));
  };

  /** Those who want the same things, and stay awake. */
  function rivals(zk: ZooKeeper, signal: AbortSignal): Promise<void>[] {
    const repeat = async (step: () => Promise<void>) => {
      while (!signal.aborted) {
        await step().catch((error: unknown) => {
          if (!signal.aborted) throw error;
        });
        await pause(20);
      }
    };
    const guarded = new ReadWriteLock(zk, at('rwlock'));
    const takeTurn = async (kind: 'read' | 'write') => {
      const held = await guarded[kind]({ signal });
      rwlock[kind](held.token);
      await held.release();
    };
    return [
      repeat(async () => {
        const held = await new Lock(zk, at('lock')).acquire({ signal });
        lock.write(held.token);
        await held.release();
      }),
      repeat(() => takeTurn('read')),
      repeat(() => takeTurn('write')),
      ...Array.from({ length: PERMITS }, () =>
        repeat(() => markedLease(zk, stage.path, signal, () => pause(20))),
      ),
      repeat(async () => {
        await new AtomicCounter(zk, at('counter')).add(1n);
        added++;
      }),
      repeat(async () => {
        const item = `${put.length}`;
        await new Queue(zk, at('queue')).put(item);
        put.push(item);
        await zk.create(joinPath(at('tree'), item), item);
        await pause(PUT_EVERY_MS);
      }),
    ];
  }

  /** Counts the marks at every change. */
  function countMarks(zk: ZooKeeper): void {
    const look = async () => {
      const marks = await zk.children(marksPath(stage.path));
      permitsOut = marks.length;
      mostPermits = Math.max(mostPermits, permitsOut);
    };
    void zk.watch(marksPath(stage.path), () => void look());
  }

  beforeAll(async () => {
    stage = await Stage.open(0);
    const { direct, ensemble } = stage;
    for (const name of ['tree', 'marks']) await direct.mkdirp(at(name));
    countMarks(direct);
    const script = join(import.meta.dirname, 'support/recipe-user.ts');
    const started = spawn(process.execPath, [script, ensemble.servers, stage.path, `${SESSION_MS}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child = started;
    const exited = once(started, 'exit');
    createInterface({ input: started.stdout }).on('line', (line) => hear(JSON.parse(line) as Told));
    await eventually('the process to hold the lock', () => lock.accesses > 0);
    const ending = new AbortController();
    const running = Promise.all(rivals(direct, ending.signal));
    // Seen below; until then a failure must not count as unhandled.
    running.catch(() => undefined);
    await eventually('the process to hold the other lock', () => rwlock.accesses > 30);
    await eventually('the process to work', () => worked.size > 2);
    // It has the lock just now: its turn lasts for many accesses.
    const heard = lock.accesses;
    await eventually('an access', () => lock.accesses > heard);
    started.kill('SIGSTOP');
    await pause(sessions * SESSION_MS);
    started.kill('SIGCONT');
    const after = lock.accesses;
    await eventually('the rivals and the process to go on', () => lock.accesses > after + 40);
    ending.abort();
    await running;
    const queue = new Queue(direct, at('queue'));
    await eventually('the queue to be worked off', async () => (await queue.size()) === 0);
    await direct.create(joinPath(at('tree'), 'done'), '');
    started.stdin.end('end\n');
    await eventually('its summary', () => summary !== undefined);
    await exited;
  }, PATIENCE_MS);

  afterAll(async () => {
    child.kill('SIGKILL');
    await stage.close();
  });

  it('Lock: what it protects was written by newer and newer holders', () => {
    expect(lock.stepsBack).toEqual([]);
    // Past its session it wrote with the token that it had: the resource had to refuse.
    expect(sessions < 3 || lock.refused > 0).toBe(true);
  });

  it('ReadWriteLock: no reader with a writer, no two writers', () => {
    expect(rwlock.stepsBack).toEqual([]);
  });

  it('Semaphore: never more leases than permits', async () => {
    expect(mostPermits).toBeGreaterThan(0);
    expect(mostPermits).toBeLessThanOrEqual(PERMITS);
    await eventually('all leases to be returned', () => permitsOut === 0);
    expect(await stage.direct.children(at('semaphore/leases'))).toEqual([]);
  });

  it('AtomicCounter: the sum of what was answered, give or take what is unknown', async () => {
    const certain = added + (summary?.added ?? Number.NaN);
    const sum = Number(await new AtomicCounter(stage.direct, at('counter')).get());
    expect(sum).toBeGreaterThanOrEqual(certain);
    // The rival may have been adding when it was told to end.
    expect(sum).toBeLessThanOrEqual(certain + (summary?.unknown ?? 0));
  });

  it('Queue: every item was worked off, few twice', () => {
    expect(put.filter((item) => !worked.has(item))).toEqual([]);
    const again = [...worked.values()].reduce((sum, times) => sum + times - 1, 0);
    expect(again).toBeLessThanOrEqual(summary?.interruptions ?? 0);
  });

  it('SubtreeCache: never goes back, and ends as the truth', async () => {
    expect(summary?.wrong).toEqual([]);
    const names = await stage.direct.children(at('tree'));
    const truth = await Promise.all(
      [at('tree'), ...names.map((name) => joinPath(at('tree'), name))].map(async (path) => {
        const { stat } = await stage.direct.get(path);
        return [path, String(stat.mzxid)];
      }),
    );
    expect(summary?.tree).toEqual(Object.fromEntries(truth));
  });

  it('its session is over when it slept through it, and nothing is left of it', async () => {
    expect(sessions < 3 || (summary?.sessionsLost ?? 0) > 0).toBe(true);
    for (const name of ['lock', 'rwlock', 'semaphore/locks', 'queue/claims', 'marks']) {
      await eventually(`nobody at ${name}`, async () => (await stage.direct.children(at(name))).length === 0);
    }
  });
});
