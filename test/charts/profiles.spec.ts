import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { find, type Manifest, render } from './support.ts';

const root = join(import.meta.dirname, '../../helm/profiles');
const charts = ['zookeeper', 'kafka', 'redis', 'jaeger', 'flashmesh'];
/** As a certificate's name with a wildcard covers a host. */
const covers = (name: string, host: string): boolean =>
  name === host || (name.startsWith('*.') && name.slice(2) === host.slice(host.indexOf('.') + 1));
/** Ports that a policy's rules open, on the side that the rules are of. */
const ports = (rules: Manifest[]): number[] =>
  rules.flatMap((rule) => rule.ports.map(({ port }: Manifest) => port as number));

describe.each([
  [['ha'], 2181],
  [['ha', 'secure'], 2281],
  [['ha', 'cert-manager'], 2281],
] as const)('profiles %j', (profiles, port) => {
  const of = (chart: string): Manifest[] => render(chart, { profiles });
  const apps = of('flashmesh');
  const env = find(apps, 'ConfigMap', 'flashmesh').data;

  it('the apps know each server of the ensemble, at a port that it opens to them', () => {
    const zookeeper = of('zookeeper');
    const hosts = [0, 1, 2].map((i) => `zookeeper-${i}.zookeeper-headless.shop.svc.cluster.local`);
    expect(env.ZOOKEEPER).toBe(hosts.map((host) => `${host}:${port}`).join());
    const { spec } = find(zookeeper, 'StatefulSet', 'zookeeper');
    expect(spec.replicas).toBe(hosts.length);
    expect(
      spec.template.spec.containers[0].ports.map(({ containerPort }: Manifest) => containerPort),
    ).toContain(port);
    const { ingress } = find(zookeeper, 'NetworkPolicy', 'zookeeper').spec;
    expect(ports(ingress)).toContain(port);
    for (const app of ['gateway', 'order', 'payment']) {
      expect(ports(find(apps, 'NetworkPolicy', `flashmesh-${app}`).spec.egress)).toContain(port);
    }
  });

  it('topics have as many copies as there are brokers', () => {
    const { replicas } = find(of('kafka'), 'StatefulSet', 'kafka').spec;
    expect(Number(env.KAFKA_REPLICATION)).toBe(replicas);
  });
});

it.each([[['ha', 'secure']], [['ha', 'cert-manager']]])(
  'profiles %j: the apps call every product by a name in its certificate',
  (profiles) => {
    const env = find(render('flashmesh', { profiles }), 'ConfigMap', 'flashmesh').data;
    // The names of a Certificate are plain to see; those of the Secrets that Helm makes are the same list.
    const issued = {
      profiles,
      values: { security: { mode: 'cert-manager', certManager: { issuerRef: { name: 'any' } } } },
    };
    const hosts: Record<string, string[]> = {
      zookeeper: env.ZOOKEEPER.split(','),
      kafka: env.KAFKA_BROKERS.split(','),
      redis: [env.REDIS_URL.replace('rediss://', '')],
      jaeger: [env.OTEL_EXPORTER_OTLP_ENDPOINT.replace('https://', '')],
    };
    for (const [chart, addresses] of Object.entries(hosts)) {
      const { dnsNames } = find(render(chart, issued), 'Certificate', `${chart}-tls`).spec;
      for (const address of addresses) {
        const host = address.slice(0, address.indexOf(':'));
        expect([host, dnsNames.filter((name: string) => covers(name, host)).length]).toEqual([host, 1]);
      }
    }
  },
);

it('cert-manager is security and nothing else, for every chart', () => {
  const values = (profile: string, chart: string): object => {
    const file = join(root, profile, `${chart}.yaml`);
    return existsSync(file) ? parse(readFileSync(file, 'utf8')) : {};
  };
  const issuerRef = { name: 'flashmesh', kind: 'Issuer' };
  for (const chart of charts) {
    const security = { mode: 'cert-manager', certManager: { issuerRef } };
    expect([chart, values('cert-manager', chart)]).toEqual([chart, { security }]);
  }
});

it('every profile is in the README', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const profiles = readdirSync(root).filter((name) => name !== 'README.md');
  for (const profile of profiles) expect(readme).toContain(`| \`${profile}\``);
});
