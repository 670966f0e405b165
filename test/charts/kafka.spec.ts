import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  find,
  podTemplates,
  refusal,
  render as renderChart,
  type Manifest,
  type RenderOptions,
} from './support.ts';

/** Rendered once for the same values; nothing here changes what it gets. */
const rendered = new Map<string, Manifest[]>();
function render(chart: string, o: RenderOptions = {}): Manifest[] {
  const key = JSON.stringify(o);
  const objects = rendered.get(key) ?? renderChart(chart, o);
  rendered.set(key, objects);
  return objects;
}

const combined = { replicas: 3 };
const separate = { controllers: 'separate', replicas: 2, controller: { replicas: 3 } };
const secure = { replicas: 3, security: { mode: 'self-signed' } };
const zookeeper = { mode: 'zookeeper' };
const ciFiles = readdirSync(join(import.meta.dirname, '../../helm/kafka/ci')).map((file) => `ci/${file}`);

/** The properties of the file that a role's pods start with. */
function properties(objects: readonly Manifest[], name = 'kafka'): Record<string, string> {
  const text: string = find(objects, 'ConfigMap', name).data['server.properties'];
  return Object.fromEntries(
    text
      .trim()
      .split('\n')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
const start = (objects: readonly Manifest[], name = 'kafka'): string =>
  find(objects, 'ConfigMap', name).data['start.sh'];
const pod = (objects: readonly Manifest[], name = 'kafka') =>
  find(objects, 'StatefulSet', name).spec.template.spec;
const volumes = (spec: Manifest): string[] => spec.volumes.map((volume: Manifest) => volume.name);

describe('every combination of values', () => {
  it.each(ciFiles)('%s renders pods that Pod Security restricted admits', (file) => {
    const pods = podTemplates(render('kafka', { valuesFiles: [file] }));
    expect(pods.length).toBeGreaterThanOrEqual(2);
    for (const { spec } of pods) {
      expect(spec).toMatchObject({
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(spec.securityContext.runAsUser).toBeGreaterThan(0);
      for (const container of spec.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.requests.memory).toBe(container.resources.limits.memory);
        expect(container.resources.limits.cpu).toBeUndefined();
        expect(container.env).toBeUndefined();
      }
    }
  });

  it.each(ciFiles)('%s has no object twice, and nothing but what it names', (file) => {
    const objects = render('kafka', { valuesFiles: [file] });
    const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(names).size).toBe(names.length);
    for (const { metadata } of objects) expect(metadata.namespace).toBe('shop');
  });

  it('takes every image from the mirror, and by digest where there is one', () => {
    const objects = render('kafka', { valuesFiles: ['ci/everything-values.yaml'] });
    const images = podTemplates(objects).flatMap(({ spec }) => spec.containers.map((c: Manifest) => c.image));
    expect(new Set(images)).toEqual(
      new Set([`mirror.example/apache/kafka@sha256:${'0123456789abcdef'.repeat(4)}`, expect.any(String)]),
    );
    for (const image of images) expect(image).toMatch(/^mirror\.example\//);
  });
});

describe('layouts', () => {
  it('one node votes alone and keeps one copy', () => {
    expect(properties(render('kafka'))).toMatchObject({
      'process.roles': 'broker,controller',
      'controller.quorum.voters': '0@kafka-0.kafka-headless.shop.svc.cluster.local:9093',
      'default.replication.factor': '1',
      'min.insync.replicas': '1',
      'offsets.topic.replication.factor': '1',
      'group.initial.rebalance.delay.ms': '0',
    });
  });

  it('three nodes vote, keep three copies and acknowledge with two', () => {
    const told = properties(render('kafka', { values: combined }));
    expect(told['controller.quorum.voters']?.split(',').map((voter) => voter.split('@')[0])).toEqual([
      '0',
      '1',
      '2',
    ]);
    expect(told).toMatchObject({
      'default.replication.factor': '3',
      'min.insync.replicas': '2',
      'offsets.topic.replication.factor': '3',
      'transaction.state.log.replication.factor': '3',
      'transaction.state.log.min.isr': '2',
      'share.coordinator.state.topic.replication.factor': '3',
      'share.coordinator.state.topic.min.isr': '2',
    });
  });

  it('separate controllers have ids and names that no broker ever has', () => {
    const objects = render('kafka', { values: separate });
    const voters = [0, 1, 2]
      .map((i) => `${100 + i}@kafka-controller-${i}.kafka-controller.shop.svc.cluster.local:9093`)
      .join(',');
    const brokers = properties(objects);
    const controllers = properties(objects, 'kafka-controller');
    expect(brokers).toMatchObject({ 'process.roles': 'broker', 'controller.quorum.voters': voters });
    expect(brokers.listeners).toBe('CLIENT://:9092,REPLICATION://:9091');
    expect(controllers).toMatchObject({ 'process.roles': 'controller', 'controller.quorum.voters': voters });
    expect(controllers.listeners).toBe('CONTROLLER://:9093');
    expect(start(objects)).toContain('id=$((${HOSTNAME##*-} + 0))');
    expect(start(objects, 'kafka-controller')).toContain('id=$((${HOSTNAME##*-} + 100))');
    expect(find(objects, 'StatefulSet', 'kafka').spec.replicas).toBe(2);
    expect(find(objects, 'StatefulSet', 'kafka-controller').spec.replicas).toBe(3);
    expect(refusal('kafka', { values: { ...separate, replicas: 101 } })).toContain('maximum');
  });

  it('says what an upgrade must not change, to compare it on the next one', () => {
    const annotations = (values: object) =>
      find(render('kafka', { values }), 'StatefulSet', 'kafka').metadata.annotations;
    const clusterId = 'abcdefghijklmnopqrstuv';
    expect(annotations({ ...combined, clusterId })).toEqual({
      'flashmesh.io/quorum': 'combined-3',
      'flashmesh.io/cluster-id': clusterId,
      'flashmesh.io/secure': 'false',
    });
    expect(annotations(separate)['flashmesh.io/quorum']).toBe('separate-3');
    expect(annotations(zookeeper)).toEqual({ 'flashmesh.io/quorum': 'zookeeper' });
  });

  it('a volume of another cluster is not taken', () => {
    const script = start(render('kafka', { values: { clusterId: '-bcdefghijklmnopqrstuv' } }));
    expect(script).toContain('[ "$found" = "-bcdefghijklmnopqrstuv" ] ||');
    expect(script).toContain('-t=-bcdefghijklmnopqrstuv');
  });

  it('the log is a folder in the volume, not the volume: lost+found is no log', () => {
    const objects = render('kafka');
    const mount = pod(objects).containers[0].volumeMounts.find((m: Manifest) => m.name === 'data');
    expect(mount.mountPath).toBe('/var/lib/kafka/data');
    expect(properties(objects)['log.dirs']).toBe('/var/lib/kafka/data/log');
  });

  it('apps may have sessions of a few seconds, and make their own topics', () => {
    expect(properties(render('kafka'))).toMatchObject({
      'group.min.session.timeout.ms': '1000',
      'auto.create.topics.enable': 'false',
    });
  });

  it('extraConfig adds properties and replaces defaults, large numbers unharmed', () => {
    const told = properties(
      render('kafka', {
        values: {
          log: { retentionBytes: 12345678901 },
          extraConfig: {
            'num.io.threads': 4,
            'log.flush.interval.messages': 9223372036854000,
            'min.insync.replicas': 1,
          },
        },
      }),
    );
    expect(told).toMatchObject({
      'log.retention.bytes': '12345678901',
      'num.io.threads': '4',
      'log.flush.interval.messages': '9223372036854000',
      'min.insync.replicas': '1',
    });
  });
});

describe('mode zookeeper', () => {
  const objects = render('kafka', { values: { ...zookeeper, replicas: 2 } });

  it('runs Kafka 3.9 with its metadata in ZooKeeper, and formats nothing', () => {
    expect(pod(objects).containers[0].image).toBe('docker.io/apache/kafka:3.9.1');
    const told = properties(objects);
    expect(told['zookeeper.connect']).toBe('zookeeper:2181/kafka');
    expect(Object.keys(told).filter((key) => /^(process\.roles|controller\.|share\.)/.test(key))).toEqual([]);
    expect(start(objects)).toContain('broker.id=$id');
    expect(start(objects)).not.toMatch(/kafka-storage|node\.id/);
  });

  it('may talk to ZooKeeper, as a client that its policy lets in', () => {
    const { labels } = find(objects, 'StatefulSet', 'kafka').spec.template.metadata;
    expect(labels['zookeeper-client']).toBe('true');
    expect(find(objects, 'NetworkPolicy', 'kafka').spec.egress).toContainEqual({
      to: [{ podSelector: { matchLabels: { 'app.kubernetes.io/name': 'zookeeper' } } }],
      ports: [{ port: 2181, protocol: 'TCP' }],
    });
  });

  it('has no security, and says so', () => {
    expect(refusal('kafka', { values: { ...zookeeper, security: { mode: 'self-signed' } } })).toContain(
      'security.mode must be off when mode is zookeeper',
    );
  });
});

describe('security', () => {
  const objects = render('kafka', { values: secure });
  const told = properties(objects);

  it('clients give a password over TLS, nodes a certificate to each other', () => {
    expect(told).toMatchObject({
      'listener.security.protocol.map': 'CLIENT:SASL_SSL,REPLICATION:SSL,CONTROLLER:SSL',
      'listener.name.client.sasl.enabled.mechanisms': 'SCRAM-SHA-512',
      'listener.name.replication.ssl.client.auth': 'required',
      'listener.name.controller.ssl.client.auth': 'required',
    });
    const apart = render('kafka', { values: { ...separate, security: secure.security } });
    expect(properties(apart, 'kafka-controller')).toMatchObject({
      'listener.name.controller.ssl.client.auth': 'required',
      'authorizer.class.name': told['authorizer.class.name'],
    });
  });

  it('what no ACL allows is refused', () => {
    expect(told).toMatchObject({
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': 'false',
    });
  });

  it('super users are admin and the holder of the very certificate', () => {
    expect(start(objects)).toContain('echo "super.users=User:admin;User:${subject//');
    expect(told['ssl.principal.mapping.rules']).toBeUndefined();
  });

  it('off means plain listeners and no Secret', () => {
    for (const mode of ['off', false]) {
      const plain = render('kafka', { values: { security: { mode } } });
      expect(properties(plain)['listener.security.protocol.map']).not.toContain('SSL');
      expect(plain.filter(({ kind }) => kind === 'Secret' || kind === 'Job')).toEqual([]);
      expect(volumes(pod(plain))).toEqual(['config', 'tmp']);
    }
  });

  it('passwords are only in the Secret, which stays with the volumes', () => {
    const secret = find(objects, 'Secret', 'kafka-auth');
    expect(Object.keys(secret.data)).toEqual(['admin', 'flashmesh']);
    expect(secret.metadata.annotations['helm.sh/resource-policy']).toBe('keep');
    const rest = JSON.stringify(objects.filter((object) => object !== secret));
    for (const encoded of Object.values<string>(secret.data)) {
      expect(rest).not.toContain(encoded);
      expect(rest).not.toContain(Buffer.from(encoded, 'base64').toString());
    }
  });

  it('only those who make the users read the passwords', () => {
    const apart = render('kafka', { values: { ...separate, security: secure.security } });
    expect(volumes(pod(apart))).not.toContain('auth');
    expect(volumes(pod(apart, 'kafka-controller'))).toContain('auth');
    expect(start(apart)).not.toContain('--add-scram');
    expect(start(apart, 'kafka-controller')).toContain('--add-scram');
  });

  it('passwords go to the format in a file, not in the argument list', () => {
    expect(start(objects)).toContain('kafka-storage.sh @/tmp/format.args');
    expect(start(objects)).not.toMatch(/kafka-storage\.sh .*password/);
  });

  it('the certificate names every Service and every pod', () => {
    const names = find(
      render('kafka', { valuesFiles: ['ci/cert-manager-values.yaml'] }),
      'Certificate',
      'kafka-tls',
    ).spec;
    expect(names.dnsNames).toEqual(
      expect.arrayContaining(['kafka', '*.kafka-headless.shop.svc.cluster.local', 'localhost']),
    );
    expect(names.privateKey.encoding).toBe('PKCS8');
    expect(names.usages).toEqual(['server auth', 'client auth']);
  });

  it('mode existing makes no Secret and reads the ones that are named', () => {
    const existing = render('kafka', { valuesFiles: ['ci/existing-values.yaml'] });
    expect(existing.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const named = pod(existing).volumes.flatMap((volume: Manifest) => volume.secret?.secretName ?? []);
    expect(named).toEqual(['kafka-certificate', 'kafka-passwords']);
    expect(refusal('kafka', { values: { security: { mode: 'existing' } } })).toContain(
      'existingSecret is needed',
    );
    expect(refusal('kafka', { values: { security: { mode: 'cert-manager' } } })).toContain(
      'issuerRef.name is needed',
    );
  });

  it('a job gives flashmesh its topics and groups, and nothing else', () => {
    const job = find(objects, 'Job', 'kafka-acls');
    expect(job.metadata.annotations['helm.sh/hook']).toBe('post-install,post-upgrade');
    const script: string = find(objects, 'ConfigMap', 'kafka-tools').data['acls.sh'];
    expect([...script.matchAll(/--topic (\S+)/g)].map((match) => match[1])).toEqual([
      'catalog.',
      'inventory.',
      'orders.',
      'payments.',
      'fulfillment.',
      'ingest.',
    ]);
    expect(script).toContain('--resource-pattern-type prefixed');
    expect(script).not.toMatch(/--operation All|Alter|ClusterAction/);
  });

  it('helm test tries what must be refused only where something is', () => {
    const tests = (list: readonly Manifest[]) =>
      list.filter((o) => o.metadata.annotations?.['helm.sh/hook'] === 'test').map((o) => o.metadata.name);
    expect(tests(objects)).toEqual(['kafka-test-messages', 'kafka-test-refused']);
    expect(tests(render('kafka'))).toEqual(['kafka-test-messages']);
  });
});

describe('rolls', () => {
  const set = find(render('kafka', { values: combined }), 'StatefulSet', 'kafka').spec;
  const [container] = set.template.spec.containers;

  it('pods start together and find each other before they are ready', () => {
    expect(set.podManagementPolicy).toBe('Parallel');
    const headless = find(render('kafka', { values: combined }), 'Service', 'kafka-headless');
    expect(headless.spec).toMatchObject({ clusterIP: 'None', publishNotReadyAddresses: true });
    expect(set.serviceName).toBe('kafka-headless');
  });

  it('goes on only when the pod before is ready for a while, and never partly', () => {
    expect(set.minReadySeconds).toBeGreaterThan(0);
    expect(set.updateStrategy).toBeUndefined();
  });

  it('a broker stops only when the others hold its records', () => {
    expect(container.lifecycle.preStop.exec.command).toEqual(['bash', '/config/in-sync.sh']);
    const script: string = find(render('kafka', { values: combined }), 'ConfigMap', 'kafka').data[
      'in-sync.sh'
    ];
    expect(script).toContain('--under-replicated-partitions');
    expect(set.template.spec.terminationGracePeriodSeconds).toBe(120);
  });

  it('a single copy waits for nobody', () => {
    expect(pod(render('kafka')).containers[0].lifecycle).toBeUndefined();
    expect(
      pod(render('kafka', { values: { ...combined, inSyncWaitSeconds: 0 } })).containers[0].lifecycle,
    ).toBeUndefined();
  });

  it('probes open a socket, and log recovery may take long', () => {
    for (const name of ['startupProbe', 'readinessProbe', 'livenessProbe'])
      expect(container[name].tcpSocket).toEqual({ port: 9092 });
    expect(
      container.startupProbe.periodSeconds * container.startupProbe.failureThreshold,
    ).toBeGreaterThanOrEqual(600);
  });

  it('the signal to stop reaches the server', () => {
    expect(start(render('kafka'))).toMatch(
      /\nexec \/opt\/kafka\/bin\/kafka-server-start\.sh \$properties\s*$/,
    );
    expect(container.command).toEqual(['bash', '/config/start.sh']);
  });

  it('a changed property rolls the brokers, a changed tool does not', () => {
    const checksum = (values: object) =>
      find(render('kafka', { values }), 'StatefulSet', 'kafka').spec.template.metadata.annotations[
        'checksum/config'
      ];
    expect(checksum({ numPartitions: 7 })).not.toBe(checksum({}));
    expect(checksum({ acls: { topicPrefixes: ['other.'] } })).toBe(checksum({}));
  });

  it('a drain takes one pod at a time, and a single one is never in the way', () => {
    const objects = render('kafka', { values: separate });
    for (const name of ['kafka', 'kafka-controller'])
      expect(find(objects, 'PodDisruptionBudget', name).spec).toMatchObject({
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      });
    expect(render('kafka').filter(({ kind }) => kind === 'PodDisruptionBudget')).toEqual([]);
  });

  it('volumes carry no label that a new version changes, and outlive the release', () => {
    const [claim] = set.volumeClaimTemplates;
    expect(Object.keys(claim.metadata.labels)).toEqual([
      'app.kubernetes.io/name',
      'app.kubernetes.io/instance',
      'app.kubernetes.io/component',
    ]);
    expect(set.persistentVolumeClaimRetentionPolicy).toEqual({ whenDeleted: 'Retain', whenScaled: 'Retain' });
  });
});

describe('network policies', () => {
  it('every pod has exactly one, both ways', () => {
    for (const file of ciFiles.filter((name) => !name.includes('minimal'))) {
      const objects = render('kafka', { valuesFiles: [file] });
      const policies = objects.filter(({ kind }) => kind === 'NetworkPolicy');
      for (const { owner, metadata } of podTemplates(objects)) {
        const labels = owner.kind === 'Pod' ? owner.metadata.labels : metadata.labels;
        const matching = policies.filter(({ spec }) =>
          Object.entries(spec.podSelector.matchLabels).every(([key, value]) => labels[key] === value),
        );
        expect(matching.map(({ spec }) => spec.policyTypes)).toEqual([['Ingress', 'Egress']]);
      }
    }
  });

  it('clients reach the client port only, brokers each other', () => {
    const [clients, brokers, ...rest] = find(render('kafka', { values: combined }), 'NetworkPolicy', 'kafka')
      .spec.ingress;
    expect(clients.from).toContainEqual({ podSelector: { matchLabels: { 'kafka-client': 'true' } } });
    expect(clients.ports).toEqual([{ port: 9092, protocol: 'TCP' }]);
    expect(brokers.from).toHaveLength(1);
    expect(brokers.from[0].podSelector.matchLabels['app.kubernetes.io/component']).toBe('broker');
    expect(brokers.ports.map(({ port }: Manifest) => port)).toEqual([9091, 9093]);
    expect(rest).toEqual([]);
  });

  it('separate controllers are reached by nodes only, and call nobody but each other', () => {
    const { ingress, egress } = find(
      render('kafka', { values: separate }),
      'NetworkPolicy',
      'kafka-controller',
    ).spec;
    const components = (peers: Manifest[]) =>
      peers.map(({ podSelector }) => podSelector.matchLabels['app.kubernetes.io/component']);
    expect(ingress).toHaveLength(1);
    expect(components(ingress[0].from)).toEqual(['broker', 'controller']);
    expect(ingress[0].ports).toEqual([{ port: 9093, protocol: 'TCP' }]);
    expect(components(egress[1].to)).toEqual(['controller']);
    expect(egress).toHaveLength(2);
  });

  it('the exporter is scraped from the monitoring namespace', () => {
    const objects = render('kafka', { valuesFiles: ['ci/metrics-values.yaml'] });
    expect(find(objects, 'NetworkPolicy', 'kafka-exporter').spec.ingress).toEqual([
      {
        from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
        ports: [{ port: 9308, protocol: 'TCP' }],
      },
    ]);
    const { selector } = find(objects, 'ServiceMonitor', 'kafka-exporter').spec;
    expect(find(objects, 'Service', 'kafka-exporter').metadata.labels).toMatchObject(selector.matchLabels);
    const [exporter] = find(objects, 'Deployment', 'kafka-exporter').spec.template.spec.containers;
    expect(JSON.stringify(exporter.args)).toContain('--sasl.mechanism=scram-sha512');
  });
});

describe('wrong values are refused', () => {
  it.each([
    ['an unknown key', { replica: 3 }, 'replica'],
    ['an unknown key below', { persistence: { sise: '1Gi' } }, 'sise'],
    ['two combined controllers', { replicas: 2 }, 'replicas must be 1 or 3 when controllers is combined'],
    ['five combined controllers', { replicas: 5 }, 'replicas must be 1 or 3 when controllers is combined'],
    ['two separate controllers', { ...separate, controller: { replicas: 2 } }, 'controller'],
    ['no broker', { replicas: 0 }, 'minimum'],
    ['a cluster id of the wrong length', { clusterId: 'short' }, 'clusterId'],
    ['an unknown mode', { mode: 'raft' }, 'mode'],
    ['an unknown security mode', { security: { mode: 'on' } }, 'security'],
    [
      'a property that the chart sets',
      { extraConfig: { 'node.id': 7 } },
      'extraConfig.node.id is not allowed',
    ],
    ['a property over two lines', { extraConfig: { a: 'b\nc=d' } }, 'extraConfig'],
    ['Kafka 4 on ZooKeeper', { ...zookeeper, image: { tag: '4.3.0' } }, 'image.tag must be 3.x'],
    ['Kafka 3 without it', { image: { tag: '3.9.1' } }, 'image.tag must be 4.x'],
    [
      'controllers beside ZooKeeper',
      { ...zookeeper, controllers: 'separate' },
      'controllers must be combined',
    ],
    [
      'no time to stop after the wait',
      { inSyncWaitSeconds: 100 },
      'terminationGracePeriodSeconds must be at least',
    ],
    [
      'a monitor of nothing',
      { metrics: { serviceMonitor: { enabled: true } } },
      'metrics.enabled must be true when metrics.serviceMonitor.enabled is',
    ],
  ])('%s', (_, values, message) => {
    expect(refusal('kafka', { values })).toContain(message);
  });
});
