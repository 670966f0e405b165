import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../local/paths.ts';
import { Cluster } from './cluster.ts';

/** What a cluster's admin applies once, in this order. */
const onceForAll = ['namespace.yaml', 'quota.yaml', 'limits.yaml', 'deployer.yaml', 'network-policies.yaml'];

/**
 * Prepares the namespace as k8s/README.md says.
 *
 * @returns the cluster as the deployer sees it: with the rights that k8s/deployer.yaml grants, and no others.
 */
export async function prepareNamespace(admin: Cluster): Promise<Cluster> {
  for (const file of onceForAll) await admin.kubectl('apply', '--filename', join(root, 'k8s', file));
  const folder = await mkdtemp(join(tmpdir(), 'flashmesh-e2e-'));
  const file = join(folder, 'kubeconfig');
  await admin.script('deployer-kubeconfig.sh', file, '4h');
  return new Cluster(admin.namespace, file);
}
