import { since } from '../../local/progress.ts';
import { type Cluster, eventually, type KubeObject, nameOf } from '../cluster.ts';
import { Releases } from '../releases.ts';
import { runRush } from '../rush.ts';
import type { Scenario } from './scenario.ts';

/** Orders a second. */
const RATE = 200;
/** Where servers start again, which want the processors of a small node for themselves. */
const GENTLE_RATE = 50;

/** What an operator does with the shop while buyers are there: upgrades, rolls back, `kubectl rollout restart`. */
export const upgradesUnderLoad = underLoad(
  'upgrade, rollback and restart',
  RATE,
  async (deployer, releases) => {
    await releases.upgrade('flashmesh', 'podAnnotations.changed=yes');
    await deployer.helm('rollback', 'flashmesh', '--wait', '--timeout', '8m');
    await restartApps(deployer);
  },
);

/** The same with what the shop stands on: ZooKeeper, Kafka, Redis, Jaeger. */
export const restartsUnderLoad = underLoad('every server restarted', GENTLE_RATE, restartServers);

/** What a cluster does while buyers are there: a node is drained, a pod is moved. */
export const deletionsUnderLoad = underLoad('a pod of each kind deleted', RATE, deleteOneOfEach);

/**
 * @param rate orders a second
 * @param meanwhile what happens while buyers come; they come until it is over
 */
function underLoad(
  what: string,
  rate: number,
  meanwhile: (deployer: Cluster, releases: Releases) => Promise<void>,
): Scenario {
  return async (checks, admin, deployer) => {
    const releases = new Releases(deployer, 'ha');
    const installed = await checks.check('under load: installed, every pod ready', () => releases.install());
    if (!installed) return;
    await checks.check(`${what} under ${rate} orders/s: no request fails, no rule breaks`, () =>
      runRush(deployer, releases, { rate, admin, meanwhile: () => meanwhile(deployer, releases) }),
    );
  };
}

/** All apps at once. */
async function restartApps(cluster: Cluster): Promise<void> {
  const shop = ['--selector', 'app.kubernetes.io/name=flashmesh'];
  await cluster.kubectl('rollout', 'restart', 'deployment', ...shop);
  for (const workload of await cluster.items('deployments', ...shop)) await restarted(cluster, workload);
}

/** One after the other, each when the one before is whole again. */
async function restartServers(cluster: Cluster): Promise<void> {
  const servers = ['--selector', 'app.kubernetes.io/name!=flashmesh'];
  for (const workload of await cluster.items('statefulsets,deployments', ...servers)) {
    await cluster.kubectl('rollout', 'restart', nameOf(workload));
    await restarted(cluster, workload);
  }
}

async function restarted(cluster: Cluster, workload: KubeObject): Promise<void> {
  const start = performance.now();
  await cluster.rolledOut(workload);
  console.log(`     ${nameOf(workload)} restarted (${since(start)})`);
}

/** Deletes one pod of every workload, each when the one before is whole again. */
async function deleteOneOfEach(cluster: Cluster): Promise<void> {
  for (const { kind, metadata, spec } of await cluster.items('statefulsets,deployments')) {
    const selector = Object.entries(spec.selector.matchLabels as Record<string, string>)
      .map(([name, value]) => `${name}=${value}`)
      .join(',');
    const [victim] = await cluster.items('pods', '--selector', selector);
    console.log(`     deleting ${victim.metadata.name}`);
    await cluster.kubectl('delete', 'pod', victim.metadata.name as string, '--wait=false');
    await eventually(`${kind} ${metadata.name} is whole again`, 180, async () => {
      const pods = await cluster.items('pods', '--selector', selector);
      const ready = pods.filter(
        (pod) =>
          pod.metadata.uid !== victim.metadata.uid &&
          !pod.metadata.deletionTimestamp &&
          pod.status.conditions?.some(
            (condition: { type: string; status: string }) =>
              condition.type === 'Ready' && condition.status === 'True',
          ),
      );
      return ready.length >= (spec.replicas as number) ? true : undefined;
    });
  }
}
