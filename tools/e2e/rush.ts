import { join } from 'node:path';
import { root } from '../local/paths.ts';
import { type Cluster, eventually, type KubeObject } from './cluster.ts';
import type { Releases } from './releases.ts';

let started = 0;

/** For how long buyers come at most, in seconds. */
const AT_MOST_SECONDS = 900;

/** A rush as a Job of the chart's own making, and what happens meanwhile. */
export interface RushOptions {
  /** Orders a second. */
  readonly rate: number;
  /** Who may end the buyers' work: a deployer may not enter a pod. */
  readonly admin: Cluster;
  /** Called when the buyers have begun. */
  readonly meanwhile: () => Promise<void>;
}

/**
 * Lets buyers come until `meanwhile` is over, however long a machine takes for it. There is a unit for each of them, so that
 * every order goes its whole way.
 *
 * @returns what the buyers and the verifier reported.
 * @throws Error with both reports when a request failed or a rule is broken, or when the buyers were gone before `meanwhile` was over.
 */
export async function runRush(cluster: Cluster, releases: Releases, o: RushOptions): Promise<string> {
  const name = `flashmesh-rush-e2e-${++started}`;
  const { rate } = o;
  const buyers = rate * AT_MOST_SECONDS;
  const set = `rush.enabled=true,rush.buyers=${buyers},rush.stock=${buyers},rush.rate=${rate},rush.maxFailed=0`;
  const rendered = await cluster.helm(
    'template',
    'flashmesh',
    join(root, 'helm/flashmesh'),
    ...releases.values('flashmesh'),
    '--set',
    set,
    '--show-only',
    'templates/rush-job.yaml',
  );
  await cluster.apply(rendered.replace(/^  name: flashmesh-rush-1$/m, `  name: ${name}`));
  try {
    const pod = await eventually('the buyers begin', 300, async () => {
      const [found] = await podsOf(cluster, name);
      const pod = found?.metadata?.name as string | undefined;
      // There is no log before the container runs.
      const log = pod && (await cluster.kubectl('logs', pod, '--container', 'run').catch(() => ''));
      return log?.includes('buyers are ready') ? pod : undefined;
    });
    await o.meanwhile();
    const stillThere = await buyersAreThere(cluster, pod);
    if (stillThere) await noMoreBuyers(o.admin, pod);
    const report = await rushEnds(cluster, name);
    if (!stillThere) throw new Error(`the buyers were gone before it was over\n${report}`);
    return report;
  } finally {
    await cluster.kubectl('delete', 'job', name, '--ignore-not-found', '--wait=false');
  }
}

/**
 * Waits for the end of a Job of buyers and verifier.
 *
 * @returns what they reported.
 * @throws Error with their reports when a request failed or a rule is broken.
 */
export async function rushEnds(cluster: Cluster, job: string): Promise<string> {
  const { metadata, status } = await eventually('the rush ends', 900, async () => {
    const [pod] = await podsOf(cluster, job);
    return ['Succeeded', 'Failed'].includes(pod?.status?.phase as string) ? pod : undefined;
  });
  const report = await reportOf(cluster, metadata.name as string);
  if (status.phase === 'Failed') throw new Error(`the rush failed\n${report}`);
  return report;
}

async function buyersAreThere(cluster: Cluster, pod: string): Promise<boolean> {
  const { status } = JSON.parse(await cluster.kubectl('get', 'pod', pod, '-o', 'json'));
  const run = status.initContainerStatuses.find(({ name }: KubeObject) => name === 'run');
  return run.state.running !== undefined;
}

/** Those who came already get their answers. */
async function noMoreBuyers(admin: Cluster, pod: string): Promise<void> {
  await admin.kubectl('exec', pod, '--container', 'run', '--', 'node', '-e', 'process.kill(1, "SIGINT")');
}

function podsOf(cluster: Cluster, job: string): Promise<KubeObject[]> {
  return cluster.items('pods', '--selector', `batch.kubernetes.io/job-name=${job}`);
}

async function reportOf(cluster: Cluster, pod: string): Promise<string> {
  const logs = ['sale', 'run', 'verify'].map(async (container) => {
    const log = await cluster.kubectl('logs', pod, '--container', container, '--tail=40').catch(() => '');
    return `[${container}] ${log.trim()}`;
  });
  const { status } = JSON.parse(await cluster.kubectl('get', 'pod', pod, '-o', 'json'));
  const ends = [...status.initContainerStatuses, ...status.containerStatuses].map(
    ({ name, state }: KubeObject) => `${name}: ${state.terminated?.reason ?? 'not ended'}`,
  );
  return [...(await Promise.all(logs)), ends.join(', ')].join('\n');
}
