import { armedBy, dustSettled, holdsInTime, leaveNothing, Simulation } from '@flashmesh/zookeeper/testing';
import { CounterWorkload } from './counter-workload.ts';
import { DoubleBarrierWorkload } from './double-barrier-workload.ts';
import { ElectionWorkload } from './election-workload.ts';
import { guardedNode, LockWorkload } from './lock-workload.ts';
import { MembershipWorkload } from './membership-workload.ts';
import { QueueWorkload } from './queue-workload.ts';
import { ReadWriteLockWorkload } from './read-write-lock-workload.ts';
import { SemaphoreWorkload } from './semaphore-workload.ts';
import { WorkerIdWorkload } from './worker-id-workload.ts';
import type { Workload } from './workload.ts';

const WORKLOADS = {
  counter: CounterWorkload,
  'double barrier': DoubleBarrierWorkload,
  election: ElectionWorkload,
  lock: LockWorkload,
  membership: MembershipWorkload,
  queue: QueueWorkload,
  'read-write lock': ReadWriteLockWorkload,
  semaphore: SemaphoreWorkload,
  'worker id': WorkerIdWorkload,
} as const;
export type RecipeName = keyof typeof WORKLOADS;

const CLIENTS = 3;
/** For how long things break, milliseconds. */
const FAULTS_MS = 10_000;
const LIMIT_MS = 180_000;

/** Runs recipes through one seed's faults, on the same clients. @throws Error with the seed and the end of its history. */
export async function runRecipes(
  seed: number,
  names: readonly RecipeName[] = Object.keys(WORKLOADS) as RecipeName[],
): Promise<Simulation> {
  const sim = new Simulation({ seed });
  await sim.run(work(sim, names), LIMIT_MS);
  return sim;
}

async function work(sim: Simulation, names: readonly RecipeName[]): Promise<void> {
  const workloads: readonly Workload[] = names.map((name) => new WORKLOADS[name](sim));
  for (let i = 0; i < CLIENTS; i++) await sim.connect(`client${i}`);
  await sim.clients[0]?.zk.create(guardedNode, '0');
  const chaos = sim.chaos();
  const until = sim.clock.monotonic() + FAULTS_MS;
  const running = Promise.all(
    workloads.flatMap((workload) => sim.clients.map((client) => workload.run(client, until))),
  );
  sim.clock.after(FAULTS_MS, () => chaos.stop());
  await running;
  await dustSettled(sim);
  for (const workload of workloads) await workload.check();
  for (const client of sim.clients) {
    await holdsInTime(
      sim,
      `${client.name} has no watch any more`,
      () => armedBy(sim, client).length === 0 && client.zk.watchCount === 0,
      sim.sessionTimeoutMs,
      () => `${client.zk.watchCount} wait, armed: ${armedBy(sim, client).join(', ')}`,
    );
  }
  await leaveNothing(sim);
}
