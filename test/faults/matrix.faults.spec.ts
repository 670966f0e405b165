import { joinPath } from '@flashmesh/zookeeper';
import { CacheWorkload } from './support/cache-workload.ts';
import { ClientWorkload } from './support/client-workload.ts';
import { CounterWorkload } from './support/counter-workload.ts';
import { DoubleBarrierWorkload } from './support/double-barrier-workload.ts';
import { ElectionWorkload } from './support/election-workload.ts';
import { eventually, pause } from '../support/eventually.ts';
import { chosenFaults } from './support/faults.ts';
import { LockWorkload } from './support/lock-workload.ts';
import { MembershipWorkload } from './support/membership-workload.ts';
import { QueueWorkload } from './support/queue-workload.ts';
import { ReadWriteWorkload } from './support/read-write-workload.ts';
import { SemaphoreWorkload } from './support/semaphore-workload.ts';
import { Stage } from './support/stage.ts';
import { WorkerIdWorkload } from './support/worker-id-workload.ts';
import type { Ground, Workload } from './support/workload.ts';

/** Each client does all of it on one session. */
const CLIENTS = 3;
const BEFORE_MS = 500;
const PATIENCE_MS = 300_000;

const kinds: readonly (new (ground: Ground) => Workload)[] = [
  ClientWorkload,
  LockWorkload,
  ReadWriteWorkload,
  SemaphoreWorkload,
  CounterWorkload,
  QueueWorkload,
  CacheWorkload,
  ElectionWorkload,
  WorkerIdWorkload,
  MembershipWorkload,
  DoubleBarrierWorkload,
];

describe.each(chosenFaults)('$name', (fault) => {
  let stage: Stage;
  let workloads: Workload[] = [];

  /** What one cannot do is its own fault, and shown as such. */
  const all = (deed: (workload: Workload) => Promise<void>) =>
    Promise.all(
      workloads.map((workload) =>
        deed(workload).catch((error: unknown) => void workload.surprises.push(error)),
      ),
    );

  beforeAll(async () => {
    stage = await Stage.open(CLIENTS);
    const { clients, direct, ensemble, path } = stage;
    workloads = kinds.map((Kind) => new Kind({ clients, direct, ensemble, path: joinPath(path, Kind.name) }));
    for (const workload of workloads) await workload.start();
    await Promise.all(workloads.map((workload) => workload.progress()));
    await pause(BEFORE_MS);
    await fault.run(stage);
    await all((workload) => workload.progress());
    await all((workload) => workload.stop());
  }, PATIENCE_MS);

  afterAll(async () => {
    // When something went wrong before, they still work.
    await all((workload) => workload.stop());
    await stage.close();
  }, PATIENCE_MS);

  it.each(kinds.map((Kind, index) => ({ name: Kind.name.replace('Workload', ''), index })))(
    '$name: its history holds',
    async ({ index }) => {
      const workload = workloads[index] as Workload;
      expect(workload.surprises).toEqual([]);
      await workload.verify();
    },
  );

  it('no watch stays behind, neither here nor at a server', async () => {
    await eventually('no watch here', () => stage.clients.every(({ watchCount }) => watchCount === 0));
    await eventually('no watch at a server', async () => {
      const watched = await stage.ensemble.watchedPaths(stage.path);
      return watched.length === 0;
    });
  });
});
