import { randomUUID } from 'node:crypto';
import { Queue } from '@flashmesh/coordination';
import { type Clock, ManualClock, systemClock } from '@flashmesh/core';
import { createLogger, type Logger } from '@flashmesh/telemetry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { AdminJobs, type AdminJobsOptions } from './admin-jobs.ts';
import type { AdminJob } from './job-records.ts';

const silent = { debug: () => undefined, info: () => undefined };
const logger = createLogger({ service: 'test', instance: 'jobs', level: 'silent' });

describe('AdminJobs, real ZooKeeper', () => {
  const servers = process.env['ZOOKEEPER'] ?? '127.0.0.1:2181';
  const clients: ZooKeeper[] = [];
  const running: Promise<void>[] = [];
  let root: string;
  let stop: AbortController;

  const connect = async () => {
    const zk = await ZooKeeper.connect({ servers, sessionTimeoutMs: 2000 });
    clients.push(zk);
    return zk;
  };
  const jobsOf = (zk: ZooKeeper, instance: string, o: Partial<AdminJobsOptions> = {}) =>
    new AdminJobs(zk, { instance, logger, root, ...o });

  beforeEach(() => {
    root = `/test-jobs-${randomUUID()}`;
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await Promise.all(running.splice(0));
    await Promise.all(clients.splice(0).map((zk) => zk.close()));
  });

  it('does each job once, in order, and keeps on record what became of it', async () => {
    const desk = jobsOf(await connect(), 'desk');
    const done: string[] = [];
    const submitted: AdminJob[] = [];
    for (const kind of ['rebuild', 'break', 'dance', 'rebuild'])
      submitted.push(await desk.submit('order', kind));
    await desk.submit('payment', 'rebuild');
    expect(submitted.map(({ id }) => id)).toEqual(submitted.map(({ id }) => id).toSorted());
    for (const instance of ['one', 'two']) {
      const handlers = {
        rebuild: async () => void done.push(instance),
        break: () => Promise.reject(new Error('on purpose')),
      };
      running.push(jobsOf(await connect(), instance).consume('order', handlers, stop.signal));
    }
    const last = submitted[3]?.id ?? '';
    const states = () => Promise.all(submitted.map(({ id }) => desk.find(id)));
    await eventually(async () => (await states()).every(({ endedAt }) => endedAt !== undefined));
    expect(done).toHaveLength(2);
    expect(await states()).toMatchObject([
      { state: 'done', attempts: 1, service: 'order', kind: 'rebuild' },
      { state: 'failed', fault: 'on purpose', attempts: 1 },
      { state: 'failed', fault: 'nobody here does dance' },
      { state: 'done' },
    ]);
    expect(['one', 'two']).toContain((await desk.find(last)).takenBy);
    // As if who did it had died before it could take the item out: it is not done again.
    const queue = new Queue(clients[0] as ZooKeeper, `${root}/queue/order`);
    await queue.put(last);
    await eventually(async () => (await queue.size()) === 0);
    expect(done).toHaveLength(2);
    await expect(desk.find('job_none')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND', kind: 'not_found' });
    await expect(desk.find('../queue')).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });

  it('refuses a job when too many wait for the service, and leaves no record of it', async () => {
    const zk = await connect();
    const desk = jobsOf(zk, 'desk', { maxWaiting: 2 });
    await desk.submit('order', 'rebuild');
    await desk.submit('order', 'rebuild');
    await expect(desk.submit('order', 'rebuild')).rejects.toMatchObject({
      kind: 'resource_exhausted',
      code: 'QUEUE_FULL',
    });
    await desk.submit('payment', 'rebuild');
    expect(await zk.children(`${root}/jobs`)).toHaveLength(3);
  });

  it('leaves the job of an instance that stops or dies to another, whose word counts', async () => {
    const desk = jobsOf(await connect(), 'desk');
    const { id } = await desk.submit('order', 'rebuild');
    const hang = (heeds = true) => {
      const begun = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      const told = Promise.withResolvers<void>();
      const handler = async (signal: AbortSignal) => {
        begun.resolve();
        signal.addEventListener('abort', () => told.resolve(), { once: true });
        await released.promise;
        if (heeds && signal.aborted) throw new Error('stopping');
      };
      return { begun: begun.promise, told: told.promise, end: () => released.resolve(), handler };
    };
    // One begins it and is told to stop.
    const first = hang();
    const stopping = new AbortController();
    const stopped = jobsOf(await connect(), 'one').consume(
      'order',
      { rebuild: first.handler },
      stopping.signal,
    );
    await first.begun;
    expect(await desk.find(id)).toMatchObject({ state: 'running', takenBy: 'one', attempts: 1 });
    stopping.abort();
    await first.told;
    first.end();
    await stopped;
    // The next one begins it and loses its session: it is told, and goes on all the same.
    const second = hang(false);
    const zombie = await connect();
    const warnings: string[] = [];
    const told = { ...silent, warn: (_: object, text: string) => warnings.push(text) } as unknown as Logger;
    running.push(
      jobsOf(zombie, 'two', { logger: told }).consume('order', { rebuild: second.handler }, stop.signal),
    );
    await second.begun;
    const third = hang();
    running.push(jobsOf(await connect(), 'three').consume('order', { rebuild: third.handler }, stop.signal));
    const lost = zombie.sessionId;
    const thief = await ZooKeeper.connect({ servers, session: zombie.credentials });
    await thief.close();
    await second.told;
    await third.begun;
    expect(await desk.find(id)).toMatchObject({ state: 'running', takenBy: 'three', attempts: 3 });
    await eventually(() => zombie.state.name === 'connected' && zombie.sessionId !== lost);
    second.end();
    await eventually(() => warnings.includes('an item was not worked off'));
    expect(await desk.find(id)).toMatchObject({ state: 'running', takenBy: 'three', attempts: 3 });
    third.end();
    await eventually(async () => (await desk.find(id)).state === 'done');
    expect(await desk.find(id)).toMatchObject({ takenBy: 'three', attempts: 3 });
    await eventually(async () => (await zombie.children(`${root}/queue/order/items`)).length === 0);
  });

  it('gives a job up that takes too long, or that nobody survives', async () => {
    const zk = await connect();
    const clock = new ManualClock();
    const mixed: Clock = { ...systemClock, now: () => clock.now(), after: (ms, run) => clock.after(ms, run) };
    const desk = jobsOf(zk, 'desk', { clock: mixed, timeoutMs: 5000 });
    const { id } = await desk.submit('order', 'rebuild');
    const begun = Promise.withResolvers<void>();
    const never = (signal: AbortSignal) => {
      begun.resolve();
      return new Promise<void>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      });
    };
    running.push(desk.consume('order', { rebuild: never }, stop.signal));
    await begun.promise;
    await clock.advance(5000);
    await eventually(async () => (await desk.find(id)).state === 'failed');
    expect((await desk.find(id)).fault).toContain('5000 ms');

    const poison = await desk.submit('payment', 'rebuild');
    const record = `${root}/jobs/${poison.id}`;
    await zk.set(record, JSON.stringify({ ...poison, state: 'running', attempts: 5 }));
    let called = false;
    running.push(desk.consume('payment', { rebuild: async () => void (called = true) }, stop.signal));
    await eventually(async () => (await desk.find(poison.id)).state === 'failed');
    expect([called, (await desk.find(poison.id)).fault]).toEqual([
      false,
      expect.stringContaining('5 instances'),
    ]);
  });

  it('remembers a hundred jobs, and those that are not over', async () => {
    const zk = await connect();
    const desk = jobsOf(zk, 'desk');
    const waiting = await desk.submit('order', 'rebuild');
    await Promise.all(
      Array.from({ length: 120 }, (_, i) => {
        const job = { ...waiting, id: `job_z${String(i).padStart(3, '0')}`, state: 'done', endedAt: 1 };
        return zk.create(`${root}/jobs/${job.id}`, JSON.stringify(job));
      }),
    );
    await desk.submit('payment', 'rebuild');
    const ids = await zk.children(`${root}/jobs`);
    expect(ids).toContain(waiting.id);
    expect(ids).not.toContain('job_z020');
    expect(ids).toContain('job_z021');
    expect(ids.length).toBeLessThanOrEqual(102);
  });
});

async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${String(condition)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
