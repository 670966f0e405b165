import { type Checks, expect } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { Releases } from '../releases.ts';
import { chaosOfK8s, rushOfK8s } from './jobs-of-k8s.ts';
import { nothingRefused } from './one-of-each.ts';

const MAX_SECONDS = 300;

/** Three ZooKeeper servers, three brokers, two pods an app. */
export async function threeOfEach(checks: Checks, admin: Cluster, deployer: Cluster): Promise<void> {
  const releases = new Releases(deployer, 'ha');
  const start = performance.now();
  const installed = await checks.check('three of each: installed, every pod ready', () => releases.install());
  if (!installed) return;
  await checks.check('three of each: helm test of every chart', () => releases.test());
  await checks.check(`three of each: from nothing to tested within ${MAX_SECONDS} s`, async () => {
    const seconds = Math.round((performance.now() - start) / 1000);
    expect(seconds <= MAX_SECONDS, `it took ${seconds} s`);
    return `${seconds} s`;
  });
  await checks.check('three of each: the rush of k8s/', () => rushOfK8s(admin));
  await checks.check('three of each: chaos of k8s/ deletes a pod', () => chaosOfK8s(admin));
  await checks.check('three of each: the smoke test after it', () => deployer.script('smoke.sh'));
  await checks.check('three of each: Pod Security restricted refused nothing', () => nothingRefused(admin));
  await checks.check('three of each: uninstalled', () => releases.uninstall());
}
