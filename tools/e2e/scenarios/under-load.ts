import type { Checks } from '../checks.ts';
import { type Cluster, eventually } from '../cluster.ts';
import { Releases } from '../releases.ts';
import { runRush } from '../rush.ts';

/** Orders a second. */
const RATE = 200;

/** What an operator does while buyers are there: upgrades, rolls back, restarts. */
export function upgradesUnderLoad(checks: Checks, _admin: Cluster, deployer: Cluster): Promise<void> {
  return underLoad(checks, deployer, 'upgrade, rollback and restart', async (releases) => {
    await releases.upgrade('flashmesh', 'podAnnotations.changed=yes');
    await deployer.helm('rollback', 'flashmesh', '--wait', '--timeout', '8m');
    await restartApps(deployer);
  });
}

/** What a cluster does while buyers are there: a node is drained, a pod is moved. */
export function deletionsUnderLoad(checks: Checks, _admin: Cluster, deployer: Cluster): Promise<void> {
  return underLoad(checks, deployer, 'a pod of each kind deleted', () => deleteOneOfEach(deployer));
}

async function underLoad(
  checks: Checks,
  deployer: Cluster,
  what: string,
  meanwhile: (releases: Releases) => Promise<void>,
): Promise<void> {
  const releases = new Releases(deployer, 'ha');
  const installed = await checks.check('under load: installed, every pod ready', () => releases.install());
  if (!installed) return;
  await checks.check(`${what} under ${RATE} orders/s: no request fails, no rule breaks`, () =>
    runRush(deployer, releases, {
      buyers: RATE * 150,
      rate: RATE,
      meanwhile: () => meanwhile(releases),
    }),
  );
}

async function restartApps(cluster: Cluster): Promise<void> {
  await cluster.kubectl('rollout', 'restart', 'deployment', '--selector', 'app.kubernetes.io/name=flashmesh');
  const deployments = await cluster.items('deployments', '--selector', 'app.kubernetes.io/name=flashmesh');
  for (const { metadata } of deployments) {
    await cluster.kubectl('rollout', 'status', `deployment/${metadata.name}`, '--timeout=300s');
  }
}

/** Deletes one pod of every workload, each when the one before is whole again. */
async function deleteOneOfEach(cluster: Cluster): Promise<void> {
  const workloads = [...(await cluster.items('statefulsets')), ...(await cluster.items('deployments'))];
  for (const { kind, metadata, spec } of workloads) {
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
