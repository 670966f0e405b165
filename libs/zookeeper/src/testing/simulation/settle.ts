import { sleep } from '@flashmesh/core';
import type { Simulation } from './simulation.ts';

const POLL_MS = 10;

/** Waits until it holds; notes a fault when it does not within that much simulated time. */
export async function holdsInTime(
  sim: Simulation,
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs: number,
  detail: () => string = () => '',
): Promise<void> {
  const until = sim.clock.monotonic() + limitMs;
  for (;;) {
    if (await condition()) return;
    if (sim.clock.monotonic() > until) {
      return sim.check(false, `after ${limitMs} ms still not so: ${what} ${detail()}`);
    }
    await sleep(POLL_MS, undefined, sim.clock);
  }
}

/** Waits until every client is connected and every server knows all that was committed. */
export async function dustSettled(sim: Simulation): Promise<void> {
  await holdsInTime(
    sim,
    'all clients are connected, all servers are up to date',
    () =>
      sim.clients.every(({ zk }) => zk.state.name === 'connected' || zk.state.name === 'closed') &&
      sim.ensemble.servers.every(({ applied }) => applied === sim.ensemble.zxid),
    sim.sessionTimeoutMs * 4 + 5000,
  );
}

/** Closes all clients, and checks that nothing of them is left: no session, no node, no timer. */
export async function leaveNothing(sim: Simulation): Promise<void> {
  await Promise.all(sim.clients.map(({ zk }) => zk.close()));
  for (const { name, zk, process } of sim.clients) {
    sim.check(zk.watchCount === 0, `${name} was closed with watches`);
    sim.check(process.pendingTimers === 0, `${name} was closed with ${process.pendingTimers} timers`);
  }
  await holdsInTime(
    sim,
    'all sessions are over',
    () => [...sim.ensemble.sessions.values()].every(({ end }) => end),
    sim.sessionTimeoutMs * 3 + 5000,
  );
  for (const [path, { owner }] of sim.ensemble.tree.entries()) {
    sim.check(owner === 0n, `${path} outlived its session ${owner}`);
  }
}
