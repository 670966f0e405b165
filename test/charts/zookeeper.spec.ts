import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, type RenderOptions, find, podTemplates, refusal, render } from './support';

const chart = join(import.meta.dirname, '../../helm/zookeeper');
const ciFiles = readdirSync(join(chart, 'ci')).map((file) => `ci/${file}`);
const secure = { security: { mode: 'self-signed' } };

const draw = (values: object = {}, o: RenderOptions = {}) => render('zookeeper', { ...o, values });
const refused = (values: object) => refusal('zookeeper', { values });
const kinds = (objects: readonly Manifest[], kind: string) => objects.filter((o) => o.kind === kind);
const names = (objects: readonly Manifest[], kind: string) =>
  kinds(objects, kind).map((o) => o.metadata.name);
const server = (objects: readonly Manifest[]) => find(objects, 'StatefulSet', 'zookeeper').spec;
const container = (objects: readonly Manifest[]) => server(objects).template.spec.containers[0];

/** The settings of zoo.cfg. */
function settings(objects: readonly Manifest[]): Record<string, string> {
  const lines: string[] = find(objects, 'ConfigMap', 'zookeeper-config').data['zoo.cfg'].split('\n');
  const pairs = lines
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return Object.fromEntries(pairs);
}

describe('values', () => {
  test.each(ciFiles)('%s renders', (file) => {
    expect(kinds(render('zookeeper', { valuesFiles: [file] }), 'StatefulSet')).toHaveLength(1);
  });

  test.each([
    ['an unknown key', { replica: 3 }, /replica/],
    ['an unknown nested key', { persistence: { sizes: '1Gi' } }, /sizes/],
    ['two servers', { replicas: 2 }, /replicas/],
    ['five servers', { replicas: 5 }, /replicas/],
    ['a heap without a bound', { heap: '-Xms16m' }, /heap/],
    ['a chatty log', { logLevel: 'DEBUG' }, /logLevel/],
    ['no purging', { autopurge: { intervalHours: 0 } }, /intervalHours/],
    ['an unknown security mode', { security: { mode: 'on' } }, /mode/],
    ['a digest that is none', { image: { digest: 'latest' } }, /digest/],
    ['a size without a unit', { persistence: { size: '8' } }, /size/],
    ['two lines in one setting', { extraConfig: { a: 'b\nadmin.enableServer=true' } }, /extraConfig/],
  ])('%s is refused by the schema', (_, values, message) => {
    expect(refused(values)).toMatch(message);
  });

  test.each([
    ['timeouts that cross', { minSessionTimeoutMs: 50_000 }, /minSessionTimeoutMs must not be larger/],
    ['sessions shorter than two ticks', { tickTimeMs: 3000 }, /two ticks/],
    ['a setting of the chart in extraConfig', { extraConfig: { tickTime: 1 } }, /extraConfig.tickTime/],
    ['a server in extraConfig', { extraConfig: { 'server.4': 'x:1:2' } }, /extraConfig.server.4/],
    [
      'existing without certificates',
      { security: { mode: 'existing', auth: { existingSecret: 'a' } } },
      /tls/,
    ],
    ['existing without passwords', { security: { mode: 'existing', tls: { existingSecret: 't' } } }, /auth/],
    ['cert-manager without an issuer', { security: { mode: 'cert-manager' } }, /issuerRef.name/],
  ])('%s: refused, naming the value', (_, values, message) => {
    expect(refused(values)).toMatch(message);
  });

  test('an unquoted off, which YAML 1.1 reads as false, means off', () => {
    expect(settings(render('zookeeper', { set: ['security.mode=false'] }))).toEqual(settings(draw()));
  });

  test('extraConfig adds settings', () => {
    expect(settings(draw({ extraConfig: { 'jute.maxbuffer': 4194304 } }))['jute.maxbuffer']).toBe('4194304');
  });
});

describe('configuration', () => {
  test('one server stands alone', () => {
    const keys = Object.keys(settings(draw()));
    expect(keys.filter((key) => key.startsWith('server.') || key.includes('quorum'))).toEqual([]);
    expect(keys).not.toContain('sslQuorum');
  });

  test('three servers know each other by the names of their pods, which start at 0 while ids start at 1', () => {
    const host = (i: number) => `zookeeper-${i}.zookeeper-headless.shop.svc.example.org`;
    expect(settings(draw({ replicas: 3, clusterDomain: 'example.org' }))).toMatchObject({
      'server.1': `${host(0)}:2888:3888`,
      'server.2': `${host(1)}:2888:3888`,
      'server.3': `${host(2)}:2888:3888`,
      electionPortBindRetry: '0',
    });
  });

  test('logs are purged, nothing is reconfigured at run time, and no port but the clients’ is open', () => {
    expect(settings(draw())).toMatchObject({
      dataDir: '/data',
      dataLogDir: '/datalog',
      clientPort: '2181',
      'autopurge.purgeInterval': '1',
      'autopurge.snapRetainCount': '3',
      reconfigEnabled: 'false',
      extendedTypesEnabled: 'true',
      'admin.enableServer': 'false',
      '4lw.commands.whitelist': 'srvr, ruok, mntr',
      maxClientCnxns: '0',
    });
  });

  test('sessions of six seconds, as the shop asks for, are granted', () => {
    const { minSessionTimeout, maxSessionTimeout, tickTime } = settings(draw());
    expect(Number(minSessionTimeout)).toBeLessThanOrEqual(6000);
    expect(Number(maxSessionTimeout)).toBeGreaterThanOrEqual(6000);
    expect(Number(minSessionTimeout)).toBeGreaterThanOrEqual(2 * Number(tickTime));
  });

  test('without security everybody in reach may connect in plain text', () => {
    const config = settings(draw({ replicas: 3 }));
    expect(config['clientPortAddress']).toBeUndefined();
    expect(Object.keys(config).filter((key) => /ssl|secure|enforce|auth/i.test(key))).toEqual([]);
  });

  test('with security the plain port is for the pod itself only, and clients come in by TLS', () => {
    expect(settings(draw(secure))).toMatchObject({
      clientPort: '2181',
      clientPortAddress: '127.0.0.1',
      secureClientPort: '2281',
      serverCnxnFactory: 'org.apache.zookeeper.server.NettyServerCnxnFactory',
      'ssl.clientAuth': 'none',
      'client.certReload': 'true',
    });
  });

  test('with security every session must authenticate', () => {
    expect(settings(draw(secure))).toMatchObject({
      'enforce.auth.enabled': 'true',
      'enforce.auth.schemes': 'digest,sasl',
    });
  });

  test('with security peers prove who they are, both ways, by certificates that are reloaded', () => {
    expect(settings(draw({ ...secure, replicas: 3 }))).toMatchObject({
      sslQuorum: 'true',
      sslQuorumReloadCertFiles: 'true',
      'ssl.quorum.clientAuth': 'need',
      'ssl.quorum.hostnameVerification': 'true',
      'ssl.quorum.clientHostnameVerification': 'true',
      'fips-mode': 'false', // with it ZooKeeper 3.9.4 checks no name of a peer
    });
  });

  test('metrics are exposed only where they are scraped', () => {
    expect(Object.keys(settings(draw())).filter((key) => key.startsWith('metrics'))).toEqual([]);
    const objects = draw({ metrics: { serviceMonitor: { enabled: true, labels: { release: 'x' } } } });
    expect(settings(objects)['metricsProvider.httpPort']).toBe('7000');
    const { metadata, spec } = find(objects, 'ServiceMonitor', 'zookeeper');
    expect(metadata.labels.release).toBe('x');
    const scraped = kinds(objects, 'Service').filter((service) =>
      Object.entries(spec.selector.matchLabels).every(
        ([key, value]) => service.metadata.labels[key] === value,
      ),
    );
    expect(scraped.map((service) => service.metadata.name)).toEqual(['zookeeper-headless']);
    expect(scraped[0].spec.ports.map((port: Manifest) => port.name)).toContain(spec.endpoints[0].port);
  });

  test('a change of the configuration replaces the servers, a change of anything else does not', () => {
    const sum = (values: object) => server(draw(values)).template.metadata.annotations['checksum/config'];
    expect(sum({ syncLimit: 7 })).not.toBe(sum({}));
    expect(sum({ logLevel: 'INFO' })).not.toBe(sum({}));
    expect(sum({ podDisruptionBudget: { enabled: false } })).toBe(sum({}));
    // Two renderings make two certificates.
    expect(sum(secure)).toBe(sum(secure));
  });
});

describe('workload', () => {
  test.each(ciFiles)(
    '%s: every pod is restricted, read-only, numeric, without token and service links',
    (file) => {
      const pods = podTemplates(render('zookeeper', { valuesFiles: [file] }));
      expect(pods.length).toBeGreaterThanOrEqual(2);
      for (const { spec } of pods) {
        expect(spec).toMatchObject({
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 1000,
            runAsGroup: 1000,
            fsGroup: 1000,
            seccompProfile: { type: 'RuntimeDefault' },
          },
        });
        for (const { securityContext, resources } of spec.containers) {
          expect(securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(resources.limits).toEqual({ memory: resources.requests.memory });
          expect(resources.requests.cpu).toBeDefined();
        }
      }
    },
  );

  test('servers start together, are replaced one by one and keep their volumes', () => {
    const spec = server(draw({ replicas: 3 }));
    expect(spec.podManagementPolicy).toBe('Parallel');
    expect(spec.updateStrategy).toBeUndefined(); // no partition; RollingUpdate is the default
    expect(spec.persistentVolumeClaimRetentionPolicy).toEqual({
      whenDeleted: 'Retain',
      whenScaled: 'Retain',
    });
  });

  test('volume claims carry nothing that changes with a release of the chart', () => {
    const spec = server(
      draw({ commonLabels: { team: 'shop' }, persistence: { logVolume: { enabled: true } } }),
    );
    expect(spec.volumeClaimTemplates.map((claim: Manifest) => claim.metadata.name)).toEqual(['data', 'log']);
    for (const { metadata } of spec.volumeClaimTemplates)
      expect(metadata.labels).toEqual(spec.selector.matchLabels);
  });

  test('data and log lie in folders of one volume, or the log on one of its own', () => {
    const log = (values: object) =>
      container(draw(values)).volumeMounts.find((mount: Manifest) => mount.mountPath === '/datalog');
    expect(log({})).toMatchObject({ name: 'data', subPath: 'log' });
    expect(log({ persistence: { logVolume: { enabled: true } } })).toMatchObject({
      name: 'log',
      subPath: 'log',
    });
  });

  test.each([
    ['off', {}, { tcpSocket: { port: 2181 } }, { tcpSocket: { port: 2181 } }],
    [
      'on',
      secure,
      { tcpSocket: { port: 2281 } },
      { exec: { command: ['sh', '-c', expect.stringMatching(/ruok.*127\.0\.0\.1 2181.*imok/)] } },
    ],
  ])(
    'security %s: ready means in the quorum; alive does not, and no probe starts a JVM',
    (_, values, started, alive) => {
      const { readinessProbe, livenessProbe, startupProbe } = container(draw({ ...values, replicas: 3 }));
      expect(readinessProbe.exec.command).toEqual([
        'sh',
        '-c',
        'echo srvr | nc -w 2 127.0.0.1 2181 | grep -q ^Mode:',
      ]);
      expect(startupProbe).toMatchObject(started);
      expect(livenessProbe).toMatchObject(alive);
      expect(startupProbe.failureThreshold * startupProbe.periodSeconds).toBeGreaterThanOrEqual(600);
    },
  );

  test('peers find each other before they are ready, clients find only who is', () => {
    const objects = draw({ replicas: 3 });
    expect(find(objects, 'Service', 'zookeeper-headless').spec).toMatchObject({
      clusterIP: 'None',
      publishNotReadyAddresses: true,
    });
    expect(find(objects, 'Service', 'zookeeper').spec.publishNotReadyAddresses).toBeUndefined();
    expect(server(objects).serviceName).toBe('zookeeper-headless');
  });

  test('clients connect to 2181, with security to 2281 in its place', () => {
    const ports = (values: object) =>
      find(draw(values), 'Service', 'zookeeper').spec.ports.map((port: Manifest) => port.port);
    expect(ports({})).toEqual([2181]);
    expect(ports(secure)).toEqual([2281]);
  });

  test('drains take one server of an ensemble at a time; a single server does not block them', () => {
    expect(find(draw({ replicas: 3 }), 'PodDisruptionBudget', 'zookeeper').spec).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    });
    expect(names(draw(), 'PodDisruptionBudget')).toEqual([]);
  });

  test('servers are spread over nodes, hard where asked for', () => {
    const rule = (values: object) => server(draw(values)).template.spec.topologySpreadConstraints[0];
    expect(rule({})).toMatchObject({
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'ScheduleAnyway',
    });
    expect(rule({ topologySpread: { whenUnsatisfiable: 'DoNotSchedule' } }).whenUnsatisfiable).toBe(
      'DoNotSchedule',
    );
  });

  test('the image: by tag, by digest, from a mirror', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(container(draw()).image).toBe('docker.io/library/zookeeper:3.9.4');
    expect(container(draw({ image: { digest } })).image).toBe(`docker.io/library/zookeeper@${digest}`);
    expect(container(draw({ global: { imageRegistry: 'mirror.example.com' } })).image).toBe(
      'mirror.example.com/library/zookeeper:3.9.4',
    );
  });
});

describe('network', () => {
  const ends = (rules: readonly Manifest[], end: 'from' | 'to') =>
    rules.map((rule) => ({
      peers: rule[end].map((peer: Manifest) => ({
        ...peer.podSelector?.matchLabels,
        ...peer.namespaceSelector?.matchLabels,
        ...(peer.ipBlock ? { cidr: peer.ipBlock.cidr } : {}),
      })),
      ports: rule.ports.map((port: Manifest) => port.port),
    }));
  const ours = { 'app.kubernetes.io/name': 'zookeeper', 'app.kubernetes.io/instance': 'zookeeper' };
  const servers = { ...ours, 'app.kubernetes.io/component': 'server' };
  const dns = {
    peers: [
      { 'kubernetes.io/metadata.name': 'kube-system', 'k8s-app': 'kube-dns' },
      { cidr: '169.254.20.10/32' },
    ],
    ports: [53, 53],
  };
  const clients = [{ 'zookeeper-client': 'true' }, ours];

  test('one server hears clients and asks DNS, nothing else', () => {
    const { podSelector, policyTypes, ingress, egress } = find(draw(), 'NetworkPolicy', 'zookeeper').spec;
    expect(podSelector.matchLabels).toEqual(servers);
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(ends(ingress, 'from')).toEqual([{ peers: clients, ports: [2181] }]);
    expect(ends(egress, 'to')).toEqual([dns]);
  });

  test('an ensemble with security and metrics: clients, peers and the monitoring namespace, each on its port', () => {
    const metrics = { serviceMonitor: { enabled: true, namespace: 'observability' } };
    const { ingress, egress } = find(
      draw({ ...secure, replicas: 3, metrics }),
      'NetworkPolicy',
      'zookeeper',
    ).spec;
    expect(ends(ingress, 'from')).toEqual([
      { peers: clients, ports: [2281] },
      { peers: [servers], ports: [2888, 3888] },
      { peers: [{ 'kubernetes.io/metadata.name': 'observability' }], ports: [7000] },
    ]);
    expect(ends(egress, 'to')).toEqual([dns, { peers: [servers], ports: [2888, 3888] }]);
  });

  test('the setup and the test reach the servers and DNS, and nobody reaches them', () => {
    const objects = draw(secure);
    const { podSelector, policyTypes, ingress, egress } = find(
      objects,
      'NetworkPolicy',
      'zookeeper-client',
    ).spec;
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(ingress).toEqual([]);
    expect(ends(egress, 'to')).toEqual([dns, { peers: [servers], ports: [2281] }]);
    const { key, values } = podSelector.matchExpressions[0];
    const labels = podTemplates(objects).map((pod) => pod.metadata.labels);
    expect(labels.map((label): string => label[key]).toSorted()).toEqual(
      ['server', ...(values as string[])].toSorted(),
    );
    for (const label of labels) expect(label).toMatchObject(podSelector.matchLabels);
  });

  test('the policies can be left out', () => {
    expect(names(draw({ networkPolicy: { enabled: false } }), 'NetworkPolicy')).toEqual([]);
  });
});

describe('security', () => {
  test('off: no Secret, no setup', () => {
    const objects = draw();
    expect(names(objects, 'Secret')).toEqual([]);
    expect(names(objects, 'Job')).toEqual([]);
  });

  test('self-signed: a certificate for the Service and for every pod, and a password for each user that stays', () => {
    const objects = draw({ ...secure, replicas: 3 });
    const auth = find(objects, 'Secret', 'zookeeper-auth');
    expect(Object.keys(auth.data).toSorted()).toEqual(['flashmesh', 'kafka', 'super']);
    expect(auth.metadata.annotations['helm.sh/resource-policy']).toBe('keep');
    const pem = Buffer.from(find(objects, 'Secret', 'zookeeper-tls').data['tls.crt'], 'base64');
    const text = spawnSync('openssl', ['x509', '-noout', '-ext', 'subjectAltName'], {
      input: pem,
    }).stdout.toString();
    for (const name of ['zookeeper', 'zookeeper.shop.svc', '*.zookeeper-headless.shop.svc.cluster.local'])
      expect(text).toContain(`DNS:${name}`);
  });

  test('cert-manager: the same names in a Certificate', () => {
    const objects = render('zookeeper', { valuesFiles: ['ci/cert-manager-values.yaml'] });
    const { spec } = find(objects, 'Certificate', 'zookeeper-tls');
    expect(spec).toMatchObject({
      secretName: 'zookeeper-tls',
      issuerRef: { name: 'shop', kind: 'ClusterIssuer' },
    });
    expect(spec.dnsNames).toContain('*.zookeeper-headless.shop.svc.cluster.local');
    expect(names(objects, 'Secret')).toEqual(['zookeeper-auth']);
  });

  test('existing: the Secrets that are named, and none of our own', () => {
    const objects = render('zookeeper', { valuesFiles: ['ci/existing-values.yaml'] });
    expect(names(objects, 'Secret')).toEqual([]);
    const mounted = podTemplates(objects).flatMap(({ spec }) =>
      spec.volumes.flatMap((volume: Manifest) => volume.secret?.secretName ?? []),
    );
    expect([...new Set<string>(mounted)].toSorted()).toEqual([
      'zookeeper-certificate',
      'zookeeper-passwords',
    ]);
  });

  test('servers see no password but those they check', () => {
    const { volumes } = server(draw(secure)).template.spec;
    const auth = volumes.find((volume: Manifest) => volume.name === 'auth');
    expect(auth.secret.items.map((item: Manifest) => item.key)).toEqual(['super', 'kafka']);
  });

  test('no password is in an environment or a ConfigMap', () => {
    const objects = draw({ ...secure, replicas: 3 });
    const secrets = Object.values(find(objects, 'Secret', 'zookeeper-auth').data as Record<string, string>);
    const open = JSON.stringify(objects.filter((object) => object.kind !== 'Secret'));
    for (const secret of secrets) {
      expect(open).not.toContain(secret);
      expect(open).not.toContain(Buffer.from(secret, 'base64').toString());
    }
    expect(open).not.toMatch(/secretKeyRef|envFrom/);
  });

  test('the trees get their owners after install, upgrade and rollback, by a hook that fails the release', () => {
    const { metadata, spec } = find(draw(secure), 'Job', 'zookeeper-setup');
    expect(metadata.annotations['helm.sh/hook']).toBe('post-install,post-upgrade,post-rollback');
    expect(metadata.annotations['helm.sh/hook-delete-policy']).toBe('before-hook-creation,hook-succeeded');
    expect(spec.template.spec.containers[0].command).toEqual(['bash', '/scripts/setup.sh']);
  });

  test('helm test runs the test as a pod that goes when it succeeds', () => {
    const { metadata } = find(draw(), 'Pod', 'zookeeper-test');
    expect(metadata.annotations).toEqual({
      'helm.sh/hook': 'test',
      'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded',
    });
  });
});

describe('scripts', () => {
  const script = (file: string) => join(chart, 'files', file);

  test.each(['start.sh', 'client.sh', 'setup.sh', 'test.sh'])('%s is valid bash', (file) => {
    const { status, stderr } = spawnSync('bash', ['-n', script(file)], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('the scripts in the ConfigMaps are the files', () => {
    const objects = draw();
    const text = (map: string, key: string): string => find(objects, 'ConfigMap', map).data[key].trimEnd();
    const file = (name: string) => readFileSync(script(name), 'utf8').trimEnd();
    expect(text('zookeeper-config', 'start.sh')).toBe(file('start.sh'));
    for (const name of ['client.sh', 'setup.sh', 'test.sh'])
      expect(text('zookeeper-client', name)).toBe(file(name));
  });

  describe('start.sh', () => {
    let root: string;
    const at = (path: string) => join(root, path);
    const read = (path: string) => readFileSync(at(path), 'utf8');

    beforeEach(() => {
      root = mkdtempSync(join(tmpdir(), 'flashmesh-start-'));
      for (const folder of ['bin', 'conf', 'data', 'run/zookeeper'])
        mkdirSync(at(folder), { recursive: true });
      writeFileSync(at('conf/zoo.cfg'), settingsText({}));
      // Stands for the server: leaves what it was started with.
      writeFileSync(at('bin/zkServer.sh'), `#!/bin/bash\necho "$$ $* $SERVER_JVMFLAGS" >${at('started')}\n`);
      chmodSync(at('bin/zkServer.sh'), 0o755);
      const text = readFileSync(script('start.sh'), 'utf8').replaceAll(
        /(?<!\w)\/(?:run|conf|data|tls|auth)\b/g,
        (folder) => root + folder,
      );
      writeFileSync(at('start.sh'), text);
    });
    afterEach(() => rmSync(root, { recursive: true, force: true }));

    const settingsText = (values: object): string =>
      find(draw(values), 'ConfigMap', 'zookeeper-config').data['zoo.cfg'];

    /** Runs it as the given pod, in a process group of its own, since it leaves a watcher of certificates behind. */
    async function start(hostname: string) {
      const child = spawn('bash', [at('start.sh')], {
        detached: true,
        stdio: ['ignore', 'ignore', openSync(at('stderr'), 'w')],
        env: { PATH: `${at('bin')}:${process.env['PATH']}`, HOSTNAME: hostname, SERVER_JVMFLAGS: '-Xmx96m' },
      });
      const [code] = (await once(child, 'exit')) as [number];
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // Nothing was left behind.
      }
      return { code, pid: child.pid, stderr: read('stderr') };
    }

    /** Mounts the Secrets as the pod has them. */
    function mountSecrets(passwords: Record<string, string>) {
      const tls = find(draw(secure), 'Secret', 'zookeeper-tls').data as Record<string, string>;
      for (const folder of ['tls', 'auth']) mkdirSync(at(folder));
      for (const [key, value] of Object.entries(tls))
        writeFileSync(at(`tls/${key}`), Buffer.from(value, 'base64'));
      for (const [key, value] of Object.entries(passwords)) writeFileSync(at(`auth/${key}`), value);
    }

    test('a server’s id is the ordinal of its pod plus one, and the server takes the place of the script', async () => {
      const { code, pid } = await start('zookeeper-2');
      expect(code).toBe(0);
      expect(read('data/myid')).toBe('3\n');
      expect(read('started')).toBe(`${pid} start-foreground ${at('conf/zoo.cfg')} -Xmx96m\n`);
      await start('zookeeper-2');
      expect(read('data/myid')).toBe('3\n');
    });

    test('the volume of another server is refused', async () => {
      writeFileSync(at('data/myid'), '1\n');
      const { code, stderr } = await start('zookeeper-2');
      expect(code).toBe(1);
      expect(stderr).toContain('the data of server 1, and this is server 3');
      expect(existsSync(at('started'))).toBe(false);
    });

    test('key and chain become one file, the key as PKCS#8, which is all that ZooKeeper reads', async () => {
      mountSecrets({ super: 's', kafka: 'k' });
      expect(read('tls/tls.key')).toMatch(/^-----BEGIN RSA PRIVATE KEY-----/);
      expect((await start('zookeeper-0')).code).toBe(0);
      expect(read('run/zookeeper/server.pem')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
      expect(read('run/zookeeper/server.pem').endsWith(read('tls/tls.crt'))).toBe(true);
      expect(read('run/zookeeper/ca.pem')).toBe(read('tls/ca.crt'));
    });

    test('passwords go into files in memory, the one of super as the digest that ZooKeeper compares', async () => {
      mountSecrets({ super: 'top secret', kafka: 'a"b\\c' });
      expect((await start('zookeeper-0')).code).toBe(0);
      const digest = createHash('sha1').update('super:top secret').digest('base64');
      expect(read('run/zookeeper/zoo.cfg')).toBe(
        `${read('conf/zoo.cfg')}DigestAuthenticationProvider.superDigest=super:${digest}\n`,
      );
      expect(read('run/zookeeper/jaas.conf')).toContain('user_kafka="a\\"b\\\\c";');
      expect(read('started')).not.toMatch(/secret|a"b/);
      expect(read('started')).toContain(`start-foreground ${at('run/zookeeper/zoo.cfg')}`);
    });
  });
});
