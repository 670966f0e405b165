import { sleep } from '@flashmesh/core';
import { Simulation, type SimulatedClient } from './testing/simulation/simulation.ts';
import { eventually } from './testing/simulation/settle.ts';
import { armedBy } from './testing/simulation/watch-ledger.ts';

/** What the simulator found once, each by itself. */
describe('Session, corners', () => {
  let sim: Simulation;
  let client: SimulatedClient;

  const act = (work: (client: SimulatedClient) => Promise<unknown>) =>
    sim.run(
      (async () => {
        client = await sim.connect('client');
        await client.zk.create('/there', '');
        await work(client);
      })(),
      60_000,
    );
  const armed = (expected: readonly string[]) =>
    eventually(
      sim,
      `armed at the server: ${expected.join()}`,
      () => armedBy(sim, client).join() === expected.join(),
      1000,
      () => armedBy(sim, client).join(),
    );
  const ignore = () => undefined;

  beforeEach(() => {
    sim = new Simulation({ seed: 1, sessionTimeoutMs: 2000 });
  });

  it('takes back a watch for a node that is not there', () =>
    act(async ({ zk }) => {
      const over = new AbortController();
      await zk.exists('/absent', { watch: ignore, watchUntil: over.signal });
      await armed(['data /absent']);
      over.abort();
      await armed([]);
      expect(zk.watchCount).toBe(0);
    }));

  it('has the server forget the watch of a call that was given up, or taken back before its reply', () =>
    act(async ({ zk }) => {
      const leaving = new AbortController();
      const left = zk.get('/there', { watch: ignore, signal: leaving.signal }).catch(ignore);
      const back = zk.exists('/absent', { watch: ignore, watchUntil: leaving.signal });
      leaving.abort();
      await Promise.all([left, back]);
      await zk.sync();
      await armed([]);
      expect(zk.watchCount).toBe(0);
    }));

  it('has the server forget a watch that somebody else was thought to wait with', () =>
    act(async ({ zk }) => {
      const over = new AbortController();
      await zk.exists('/absent', { watch: ignore, watchUntil: over.signal });
      const other = zk.get('/absent', { watch: ignore }).catch(ignore);
      over.abort();
      await other;
      await armed([]);
    }));

  it('has the server forget a watch that an event of an earlier one has used up', () =>
    act(async ({ zk }) => {
      const seen: string[] = [];
      const watch = ({ type }: { type: string }) => seen.push(type);
      await zk.get('/there', { watch });
      await Promise.all([zk.set('/there', 'a'), zk.get('/there', { watch })]);
      expect(seen).toEqual(['changed', 'changed']);
      await armed([]);
    }));

  it('does not restore a watch whose request still waits', () =>
    act(async ({ zk }) => {
      const seen: string[] = [];
      const suspended = Promise.withResolvers<void>();
      zk.onState(({ name }) => name === 'suspended' && suspended.resolve());
      for (const link of sim.links) link.reset();
      await suspended.promise;
      await zk.exists('/absent', { watch: ({ type }) => seen.push(type) });
      await armed(['data /absent']);
      expect(seen).toEqual([]);
    }));

  it('uses no connection that broke right after the handshake: what was sent on it would wait for ever', () =>
    act(async ({ zk, process }) => {
      for (const link of sim.links) link.reset();
      const { sessions } = sim.ensemble;
      const isWelcomed = () =>
        [...sim.links].some(({ isOver }) => !isOver) && connectionOf()?.session !== undefined;
      const connectionOf = () => sessions.get(zk.sessionId)?.connection;
      const before = connectionOf();
      while (connectionOf() === before || !isWelcomed()) await sleep(0.01, undefined, sim.clock);
      // The welcome is on its way: while the process sleeps the connection breaks, and it finds both at once.
      process.freeze();
      await sleep(400, undefined, sim.clock);
      for (const link of sim.links) link.reset();
      process.wake();
      await zk.get('/there');
      expect(zk.state.name).toBe('connected');
    }));

  it('leaves no timer behind when closed', () =>
    act(async ({ zk, process }) => {
      await zk.close();
      expect(process.pendingTimers).toBe(0);
    }));
});
