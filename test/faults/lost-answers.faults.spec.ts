import { AtomicCounter, Queue, Semaphore } from '@flashmesh/coordination';
import { joinPath, type ZooKeeper } from '@flashmesh/zookeeper';
import { eventually } from '../support/eventually.ts';
import { FrameMeter } from './support/frame-meter.ts';
import type { Network } from './support/network.ts';
import { Stage } from './support/stage.ts';

/** Numbers of requests on the wire. */
const SET = 5;
const MULTI = 14;

describe('answers that are lost while the session lives', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await Stage.open(1);
  });

  afterEach(() => stage.close());

  /** Lets the answer to the client's next request of that kind vanish, and everything after it. */
  function loseAnswer(network: Network, to: number): void {
    const meter = new FrameMeter();
    network.onRequestBytes((chunk) => {
      meter.push(chunk);
      if (meter.frames.some(({ op }) => op === to)) network.swallow({ toClient: true });
    });
  }

  it('Queue: an item that was claimed without an answer is worked off in the same session', async () => {
    const { direct, path } = stage;
    const [zk] = stage.clients as [ZooKeeper];
    const [network] = stage.networks as [Network];
    const { sessionId } = zk;
    const ending = new AbortController();
    const worked: string[] = [];
    await new Queue(direct, path).put('only');
    loseAnswer(network, MULTI);
    const consuming = new Queue(zk, path).consume((data) => {
      worked.push(data.toString());
      return Promise.resolve();
    }, ending.signal);
    await eventually('the claim', async () => (await claims()).length === 1);
    expect(worked).toEqual([]);
    network.onRequestBytes(() => undefined);
    network.heal();
    await eventually('the item to be worked off', async () => (await new Queue(direct, path).size()) === 0);
    expect(worked).toEqual(['only']);
    expect(zk.sessionId).toBe(sessionId);
    expect(await claims()).toEqual([]);
    ending.abort();
    await consuming;

    async function claims(): Promise<string[]> {
      const at = joinPath(path, 'claims');
      return (await direct.exists(at)) ? direct.children(at) : [];
    }
  });

  it('AtomicCounter: an addition without an answer is not made again', async () => {
    const { direct, path } = stage;
    const [zk] = stage.clients as [ZooKeeper];
    const [network] = stage.networks as [Network];
    const counter = new AtomicCounter(direct, joinPath(path, 'counter'));
    expect(await counter.get()).toBe(0n);
    loseAnswer(network, SET);
    const adding = new AtomicCounter(zk, joinPath(path, 'counter')).add(1n);
    const told = adding.then(
      (sum) => String(sum),
      (error: { code: string }) => error.code,
    );
    await eventually('it to be added', async () => (await counter.get()) === 1n);
    network.onRequestBytes(() => undefined);
    network.heal();
    expect(await told).toBe('ZK_CONNECTION_LOSS');
    expect(await counter.get()).toBe(1n);
  });

  it('Semaphore: who waits for a lease goes on waiting when the connection breaks', async () => {
    const { direct, path } = stage;
    const [zk] = stage.clients as [ZooKeeper];
    const [network] = stage.networks as [Network];
    const lease = await new Semaphore(direct, path, 1).acquire();
    const waiting = new Semaphore(zk, path, 1).acquire();
    await eventually(
      'it to wait',
      async () => (await direct.children(joinPath(path, 'leases'))).length === 2,
    );
    let broken = false;
    zk.onState(({ name }) => (broken ||= name === 'suspended'));
    network.reset();
    await eventually('the connection to break', () => broken);
    await eventually('it to be connected again', () => zk.state.name === 'connected');
    await lease.release();
    const next = await waiting;
    expect(next.isHeld()).toBe(true);
    await next.release();
  });
});
