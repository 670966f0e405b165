import { sleep } from '@flashmesh/core';
import type { Link } from './testing/simulation/link.ts';
import { Simulation, type SimulatedClient } from './testing/simulation/simulation.ts';
import { holdsInTime } from './testing/simulation/settle.ts';
import { armedBy } from './testing/simulation/watch-ledger.ts';

/** A handshake's answer: length, version, timeout, session, password with its length, flag. */
const WELCOME_BYTES = 4 + 4 + 4 + 8 + 4 + 16 + 1;

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
    holdsInTime(
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
    act(async ({ zk }) => {
      const fresh = new Set(sim.links);
      for (const link of sim.links) link.reset();
      const next = () => [...sim.links].find((link) => !fresh.has(link));
      while (!next()) await sleep(0.01, undefined, sim.clock);
      const link = next() as Link;
      // It breaks in the moment in which the last byte of the welcome arrives.
      const push = link.stream.push.bind(link.stream);
      let arrived = 0;
      link.stream.push = (bytes: Buffer) => {
        arrived += bytes.length;
        const more = push(bytes);
        if (arrived === WELCOME_BYTES) link.reset();
        return more;
      };
      await zk.get('/there');
      expect(arrived).toBe(WELCOME_BYTES);
      expect(zk.state.name).toBe('connected');
    }));

  it('leaves no timer behind when closed', () =>
    act(async ({ zk, process }) => {
      await zk.close();
      expect(process.pendingTimers).toBe(0);
    }));
});
