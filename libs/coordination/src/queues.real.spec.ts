import type { Logger } from '@flashmesh/telemetry';
import { DelayQueue, PriorityQueue, Queue } from './index.ts';
import { eventually, killSession, Stage } from './spec-support.ts';

describe('queues, real server', () => {
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

  it('works a queue off in order, an item of a dead consumer again, and is bounded', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const queue = new Queue(one, stage.path, { maxItems: 3 });
    for (const item of ['a', 'b', 'c']) await queue.put(item);
    await expect(queue.put('d')).rejects.toMatchObject({ code: 'QUEUE_FULL' });
    const done: string[] = [];
    // Takes an item, and its session ends before it is worked off.
    let begun = false;
    const dead = new Queue(two, stage.path).consume(async (_data, signal) => {
      begun = true;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    }, stop.signal);
    await eventually(() => begun);
    running.push(
      queue.consume(async (data) => {
        done.push(data.toString());
      }, stop.signal),
    );
    await eventually(() => done.length === 2);
    expect(done).toEqual(['b', 'c']);
    await killSession(two);
    await eventually(() => done.length === 3);
    expect(done).toEqual(['b', 'c', 'a']);
    await queue.put('e');
    await eventually(() => done.length === 4);
    await eventually(async () => (await queue.size()) === 0);
    stop.abort();
    await dead;
  });

  it('leaves an item to who has it now when a session was lost over it', async () => {
    const [one, two] = [await stage.connect(), await stage.connect()];
    const warnings: unknown[] = [];
    const logger = { warn: ({ err }: { err: unknown }) => warnings.push(err) } as unknown as Logger;
    const consume = (zk: typeof one) => {
      const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const work = async () => {
        begun.resolve();
        await end.promise;
      };
      running.push(new Queue(zk, stage.path, { logger }).consume(work, stop.signal));
      return { begun: begun.promise, end: end.resolve };
    };
    const queue = new Queue(two, stage.path);
    await queue.put('x');
    const zombie = consume(one);
    await zombie.begun;
    const next = consume(two);
    const lost = one.sessionId;
    await killSession(one);
    await next.begun;
    await eventually(() => one.state.name === 'connected' && one.state.sessionId !== lost);
    zombie.end();
    await eventually(() => warnings.length > 0);
    expect(warnings[0]).toMatchObject({ code: 'CLAIM_LOST' });
    expect([await queue.size(), await two.children(`${stage.path}/claims`)]).toEqual([
      1,
      [expect.any(String)],
    ]);
    next.end();
    await eventually(async () => (await queue.size()) === 0);
  });

  it('puts an item with what else is written, or neither', async () => {
    const zk = await stage.connect();
    const queue = new Queue(zk, `${stage.path}/q`);
    await zk.mkdirp(`${stage.path}/records`);
    const record = { op: 'create', path: `${stage.path}/records/one`, data: 'waits' } as const;
    await queue.put('one', [record]);
    expect((await zk.get(record.path)).data.toString()).toBe('waits');
    await expect(queue.put('one', [record])).rejects.toMatchObject({ code: 'ZK_NODE_EXISTS' });
    expect(await queue.size()).toBe(1);
  });

  it('works an item again whose work failed', async () => {
    const zk = await stage.connect();
    const queue = new Queue(zk, stage.path);
    await queue.put('x');
    let tries = 0;
    running.push(
      queue.consume(async () => {
        if (++tries === 1) throw new Error('on purpose');
      }, stop.signal),
    );
    await eventually(async () => tries === 2 && (await queue.size()) === 0);
  });

  it('takes the more urgent first, and nothing before its time', async () => {
    const zk = await stage.connect();
    const urgent = new PriorityQueue(zk, `${stage.path}/p`);
    for (const [item, priority] of [
      ['c', 300],
      ['a', 5],
      ['b', 20],
    ] as const)
      await urgent.put(item, priority);
    await expect(async () => urgent.put('x', -1)).rejects.toThrow(RangeError);
    const delayed = new DelayQueue(zk, `${stage.path}/d`);
    const dueAt = Date.now() + 400;
    await delayed.put('later', dueAt);
    await delayed.put('now', 0);
    const done: string[] = [];
    let tooEarly = false;
    running.push(
      urgent.consume(async (data) => void done.push(data.toString()), stop.signal),
      delayed.consume(async (data) => {
        if (data.toString() === 'later') tooEarly = Date.now() < dueAt;
        done.push(data.toString());
      }, stop.signal),
    );
    await eventually(() => done.length === 5);
    expect(done.filter((item) => item.length === 1)).toEqual(['a', 'b', 'c']);
    expect(done.filter((item) => item.length > 1)).toEqual(['now', 'later']);
    expect(tooEarly).toBe(false);
  });
});
