import { find, type Manifest, podTemplates, refusal, render } from './support.ts';

const chart = 'redis';
const ha = { replicas: 2 };
const server = (objects: Manifest[], shard = 0): Manifest =>
  find(objects, 'StatefulSet', `redis-shard-${shard}`);

describe('the redis chart', () => {
  it('one shard: one server behind the Service that is named like the chart', () => {
    const objects = render(chart);
    expect(server(objects).spec.replicas).toBe(1);
    expect(server(objects).spec.podManagementPolicy).toBe('Parallel');
    expect(find(objects, 'Service', 'redis').spec.ports[0].port).toBe(6379);
    expect(objects.filter(({ kind }) => kind === 'StatefulSet')).toHaveLength(1);
  });

  it('many shards: a server and a Service each, that share no volume', () => {
    const objects = render(chart, { values: { shards: 3 } });
    for (const shard of [0, 1, 2]) {
      expect(server(objects, shard).spec.replicas).toBe(1);
      const { selector } = find(objects, 'Service', `redis-shard-${shard}`).spec;
      expect(selector).toEqual(server(objects, shard).spec.selector.matchLabels);
    }
  });

  it('replicas: three sentinels, servers one after the other, a handover before a stop', () => {
    const objects = render(chart, { values: ha });
    expect(server(objects).spec).toMatchObject({ replicas: 3, podManagementPolicy: 'OrderedReady' });
    expect(server(objects).spec.template.spec.containers[0].lifecycle.preStop.exec.command).toContain(
      '/scripts/stop.sh',
    );
    expect(find(objects, 'StatefulSet', 'redis-sentinel').spec.replicas).toBe(3);
    expect(find(objects, 'PodDisruptionBudget', 'redis-sentinel').spec.maxUnavailable).toBe(1);
    expect(objects.some(({ kind, metadata }) => kind === 'Service' && metadata.name === 'redis')).toBe(false);
  });

  it('keeps what it has: append-only files, nothing evicted, volumes that stay', () => {
    const objects = render(chart);
    const config: string = find(objects, 'ConfigMap', 'redis').data['redis.conf'];
    expect(config).toMatch(/^appendonly yes$/m);
    expect(config).toMatch(/^appendfsync everysec$/m);
    expect(config).toMatch(/^maxmemory-policy noeviction$/m);
    const { spec } = server(objects);
    expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
    });
    expect(Object.keys(spec.volumeClaimTemplates[0].metadata.labels)).not.toContain('helm.sh/chart');
  });

  it.each(['default', 'ha', 'self-signed', 'metrics'])('satisfies Pod Security restricted (%s)', (name) => {
    for (const { spec } of podTemplates(render(chart, { valuesFiles: [`ci/${name}-values.yaml`] }))) {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 999 });
      expect(spec).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false });
      for (const { securityContext } of spec.containers) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  it('security: TLS on the port, passwords in a Secret and nowhere else', () => {
    const objects = render(chart, { values: { security: { mode: 'self-signed' } } });
    const config: string = find(objects, 'ConfigMap', 'redis').data['redis.conf'];
    expect(config).toMatch(/^port 0$/m);
    expect(config).toMatch(/^tls-port 6379$/m);
    const { data } = find(objects, 'Secret', 'redis-auth');
    expect(Object.keys(data).toSorted()).toEqual(['admin', 'exporter', 'flashmesh', 'replica', 'sentinel']);
    const rest = JSON.stringify(objects.filter(({ kind }) => kind !== 'Secret'));
    for (const password of Object.values<string>(data)) {
      expect(rest).not.toContain(Buffer.from(password, 'base64').toString());
    }
  });

  it('admits clients by label, and lets a lone server call nobody', () => {
    const { spec } = find(render(chart), 'NetworkPolicy', 'redis');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec.ingress).toEqual([
      {
        from: [{ podSelector: { matchLabels: { 'redis-client': 'true' } } }],
        ports: [{ port: 6379, protocol: 'TCP' }],
      },
    ]);
    expect(spec.egress ?? []).toEqual([]);
  });

  it.each([
    ['no shard', { shards: 0 }, /shards/],
    ['an unknown key', { shard: 2 }, /shard/],
    ['three replicas', { replicas: 3 }, /replicas/],
    ['existing without secrets', { security: { mode: 'existing' } }, /existingSecret/],
    ['replicas without volumes', { replicas: 1, persistence: { enabled: false } }, /persistence.enabled/],
    ['more followers than replicas', { replicas: 1, minReplicasToWrite: 2 }, /minReplicasToWrite/],
    [
      'a monitor without metrics',
      { metrics: { serviceMonitor: { enabled: true } } },
      /metrics.serviceMonitor.enabled/,
    ],
  ])('refuses %s', (_, values, names) => {
    expect(refusal(chart, { values })).toMatch(names);
  });
});
