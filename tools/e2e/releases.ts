import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../local/paths.ts';
import type { Cluster } from './cluster.ts';

/** What the shop stands on; independent of each other, so they start side by side. */
const infra = ['zookeeper', 'kafka', 'redis', 'jaeger'] as const;
export const charts: readonly string[] = [...infra, 'flashmesh'];

/** Folder of values below helm/profiles, one file a chart; a chart without one runs with its defaults. */
export type Profile = 'ha' | 'secure' | 'zookeeper-mode';

/** Each chart as a release of its own name. */
export class Releases {
  private readonly cluster: Cluster;
  private readonly profiles: readonly Profile[];

  /** @param profiles whose values are laid over each other in this order; none: every chart with its defaults. */
  constructor(cluster: Cluster, ...profiles: readonly Profile[]) {
    this.cluster = cluster;
    this.profiles = profiles;
  }

  /** Everything, until every pod is ready. */
  async install(): Promise<void> {
    // Kafka in ZooKeeper mode has to have one to start with; everything else waits for nobody.
    if (this.profiles.includes('zookeeper-mode')) await this.upgrade('zookeeper');
    await Promise.all(infra.map((chart) => this.upgrade(chart)));
    await this.upgrade('flashmesh');
  }

  /** @returns what helm said. */
  upgrade(chart: string, ...set: string[]): Promise<string> {
    return this.cluster.helm(
      'upgrade',
      '--install',
      chart,
      join(root, 'helm', chart),
      '--rollback-on-failure',
      '--wait',
      '--wait-for-jobs',
      '--timeout',
      '8m',
      ...this.values(chart),
      ...set.flatMap((value) => ['--set', value]),
    );
  }

  /** `helm test` of every chart. */
  async test(): Promise<void> {
    await Promise.all(charts.map((chart) => this.cluster.helm('test', chart, '--timeout', '4m', '--logs')));
  }

  async uninstall(): Promise<void> {
    for (const chart of charts.toReversed()) {
      await this.cluster.helm('uninstall', chart, '--wait', '--timeout', '4m', '--ignore-not-found');
    }
    // Helm does not wait for what its objects made.
    await this.cluster.kubectl('wait', '--for=delete', 'pods', '--all', '--timeout=4m');
  }

  /** The options that give a chart the profiles' values. */
  values(chart: string): string[] {
    return this.profiles.flatMap((profile) => {
      const file = join(root, 'helm', 'profiles', profile, `${chart}.yaml`);
      return existsSync(file) ? ['--values', file] : [];
    });
  }
}
