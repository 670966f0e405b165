import { join } from 'node:path';
import { root } from '../../local/paths.ts';
import { expect } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { rushEnds } from '../rush.ts';

/** k8s/rush-job.yaml, as an admin runs it; @returns what buyers and verifier reported. */
export function rushOfK8s(admin: Cluster): Promise<string> {
  return applied(admin, 'rush-job.yaml', () => rushEnds(admin, 'rush'));
}

/** One run of the Job of k8s/chaos-cronjob.yaml, until every workload is whole again; @returns which pod it deleted. */
export function chaosOfK8s(admin: Cluster): Promise<string> {
  return applied(admin, 'chaos-cronjob.yaml', async () => {
    // It deletes nothing while a pod is not ready.
    await whole(admin);
    await admin.kubectl('create', 'job', 'chaos-once', '--from=cronjob/chaos');
    await admin.kubectl('wait', '--for=condition=complete', '--timeout=3m', 'job/chaos-once');
    const log = await admin.kubectl('logs', 'job/chaos-once');
    expect(/^deleted /m.test(log), log);
    await whole(admin);
    return log;
  });
}

async function whole(admin: Cluster): Promise<void> {
  for (const workload of await admin.items('statefulsets,deployments')) await admin.rolledOut(workload);
}

/** Nothing of the file is left afterwards: an uninstall waits for every pod. */
async function applied(admin: Cluster, file: string, run: () => Promise<string>): Promise<string> {
  const path = join(root, 'k8s', file);
  await admin.kubectl('apply', '--filename', path);
  try {
    return await run();
  } finally {
    await admin.kubectl('delete', '--filename', path, '--timeout=2m');
  }
}
