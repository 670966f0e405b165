import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { catalogRules } from '../../apps/catalog/src/catalog-rules.ts';
import { inventoryRules } from '../../apps/inventory/src/inventory-rules.ts';
import { orderRules } from '../../apps/order/src/order-rules.ts';
import { paymentRules } from '../../apps/payment/src/payment-rules.ts';
import { find, type Manifest, podTemplates, refusal, render } from './support.ts';

const apps = ['gateway', 'catalog', 'order', 'inventory', 'payment', 'fulfillment', 'notification'];
const chart = 'flashmesh';
const deployment = (objects: Manifest[], app: string): Manifest =>
  find(objects, 'Deployment', `flashmesh-${app}`);
const container = (objects: Manifest[], app: string): Manifest =>
  deployment(objects, app).spec.template.spec.containers[0];

describe('the flashmesh chart', () => {
  it('runs every app from one template, each under its own account without a token', () => {
    const objects = render(chart);
    for (const app of apps) {
      const { spec } = deployment(objects, app).spec.template;
      expect(spec.containers[0].image).toBe(`docker.io/flashmesh/${app}:0.1.0`);
      expect(spec.serviceAccountName).toBe(`flashmesh-${app}`);
      expect(spec.automountServiceAccountToken).toBe(false);
      expect(find(objects, 'ServiceAccount', `flashmesh-${app}`).automountServiceAccountToken).toBe(false);
    }
  });

  it.each(['ci/default-values.yaml', 'ci/self-signed-values.yaml', 'ci/cert-manager-values.yaml'])(
    'satisfies Pod Security restricted, with a read-only root and numeric users (%s)',
    (file) => {
      const templates = podTemplates(render(chart, { valuesFiles: [file] }));
      expect(templates.length).toBeGreaterThan(apps.length);
      for (const { spec } of templates) {
        expect(spec.securityContext).toMatchObject({
          runAsNonRoot: true,
          runAsUser: 1000,
          seccompProfile: { type: 'RuntimeDefault' },
        });
        expect(spec.enableServiceLinks).toBe(false);
        for (const { securityContext, resources } of [...spec.containers, ...(spec.initContainers ?? [])]) {
          expect(securityContext).toEqual({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          });
          expect(resources.requests.memory).toBe(resources.limits.memory);
          expect(resources.limits.cpu).toBeUndefined();
        }
      }
    },
  );

  it('never takes a pod before the next one is ready', () => {
    for (const app of apps) {
      const { strategy, template } = deployment(render(chart), app).spec;
      expect(strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
      expect(template.spec.containers[0].startupProbe.httpGet.path).toBe('/readyz');
      expect(template.spec.containers[0].livenessProbe.httpGet.path).toBe('/livez');
    }
  });

  it('gives the gateway time to leave its Service, and every app time for its drain', () => {
    const objects = render(chart, { values: { drainTimeoutMs: 20_000 } });
    expect(container(objects, 'gateway').lifecycle.preStop.sleep.seconds).toBe(10);
    expect(container(objects, 'order').lifecycle).toBeUndefined();
    for (const app of apps) {
      expect(deployment(objects, app).spec.template.spec.terminationGracePeriodSeconds).toBe(55);
    }
  });

  it('leaves replicas to the autoscaler where there is one', () => {
    const values = {
      apps: { order: { autoscaling: { kind: 'hpa' } }, inventory: { autoscaling: { kind: 'keda' } } },
    };
    const objects = render(chart, { values });
    expect(deployment(objects, 'order').spec.replicas).toBeUndefined();
    expect(deployment(objects, 'inventory').spec.replicas).toBeUndefined();
    expect(deployment(objects, 'payment').spec.replicas).toBe(1);
    expect(find(objects, 'HorizontalPodAutoscaler', 'flashmesh-order').spec).toMatchObject({
      minReplicas: 2,
      maxReplicas: 4,
    });
    const [trigger] = find(objects, 'ScaledObject', 'flashmesh-inventory').spec.triggers;
    expect(trigger.metadata).toMatchObject({
      topic: 'inventory.commands',
      consumerGroup: 'inventory',
      limitToPartitionsWithLag: 'true',
      excludePersistentLag: 'true',
      ensureEvenDistributionOfPartitions: 'true',
    });
  });

  it('names the brokers to KEDA, which asks from another namespace, as their certificate and their policy do', () => {
    const values = { apps: { inventory: { autoscaling: { kind: 'keda' } } } };
    const brokers = (more: object): string =>
      find(render(chart, { values: { ...values, ...more } }), 'ScaledObject', 'flashmesh-inventory').spec
        .triggers[0].metadata.bootstrapServers;
    expect(brokers({ kafka: { brokers: 'a:9092,b.example.org:9093' }, clusterDomain: 'example' })).toBe(
      'a.shop.svc.example:9092,b.example.org:9093',
    );
    const security = { mode: 'cert-manager', certManager: { issuerRef: { name: 'any' } } };
    const kafka = render('kafka', { values: { security, networkPolicy: { scalerNamespace: 'keda' } } });
    const [host, port] = brokers({}).split(':');
    expect(find(kafka, 'Certificate', 'kafka-tls').spec.dnsNames).toContain(host);
    const [clients] = find(kafka, 'NetworkPolicy', 'kafka').spec.ingress;
    expect(clients.ports).toEqual([{ port: Number(port), protocol: 'TCP' }]);
    expect(clients.from).toContainEqual({
      namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'keda' } },
    });
    const closed = JSON.stringify(find(render('kafka'), 'NetworkPolicy', 'kafka').spec.ingress);
    expect(closed).not.toContain('namespaceSelector');
  });

  it('has a disruption budget only where a pod can be spared', () => {
    const budgets = (values: object) =>
      render(chart, { values }).filter(({ kind }) => kind === 'PodDisruptionBudget');
    expect(budgets({})).toEqual([]);
    const two = budgets({ defaults: { replicas: 2 } });
    expect(two).toHaveLength(apps.length);
    expect(two[0].spec).toMatchObject({ maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  });

  describe('the Services of the gateway', () => {
    const portsOf = ({ spec }: Manifest): string[] => spec.ports.map(({ name }: Manifest) => name);
    const published = render(chart, { values: { gateway: { service: { type: 'LoadBalancer', port: 80 } } } });
    const services = published.filter(({ kind }) => kind === 'Service');

    it('publish REST alone, with no more node ports than the quota of k8s/ has', () => {
      const open = services.filter(({ spec }) => spec.type === 'LoadBalancer');
      expect(open.map((service) => [service.metadata.name, portsOf(service)])).toEqual([
        ['flashmesh-gateway', ['http']],
      ]);
      const quota = parse(readFileSync(join(import.meta.dirname, '../../k8s/quota.yaml'), 'utf8'));
      const nodePorts = open.flatMap(portsOf).length;
      expect(nodePorts).toBeLessThanOrEqual(Number(quota.spec.hard['services.nodeports']));
    });

    it('keep gRPC, health and metrics inside, where the ServiceMonitor finds every app once', () => {
      expect(portsOf(find(services, 'Service', 'flashmesh-gateway-grpc'))).toEqual(['grpc', 'health']);
      const scraped = services.filter(({ metadata }) => metadata.labels['flashmesh.io/scrape'] === 'true');
      const names = scraped.map(({ spec }): string => spec.selector['app.kubernetes.io/component']);
      expect(names.toSorted()).toEqual(apps.toSorted());
      for (const service of scraped) {
        expect(service.spec.clusterIP).toBe('None');
        expect(portsOf(service)).toContain('health');
      }
    });
  });

  describe('network policies', () => {
    /** Who may open which port of whom, by the policies of the receiving side. */
    const callersOf = (objects: Manifest[], app: string, port: number): string[] =>
      find(objects, 'NetworkPolicy', `flashmesh-${app}`)
        .spec.ingress.filter(({ ports }: Manifest) => ports.some((p: Manifest) => p.port === port))
        .flatMap(({ from }: Manifest) => from ?? [{ anyone: true }])
        .map((peer: Manifest) =>
          peer.anyone
            ? 'anyone'
            : (peer.podSelector?.matchLabels['app.kubernetes.io/component'] ??
              Object.keys(peer.podSelector?.matchLabels ?? peer.namespaceSelector.matchLabels)[0]),
        );
    const targetsOf = (objects: Manifest[], app: string, port: number): string[] =>
      find(objects, 'NetworkPolicy', `flashmesh-${app}`)
        .spec.egress.filter(({ ports }: Manifest) => ports.some((p: Manifest) => p.port === port))
        .flatMap(({ to }: Manifest) => to)
        .map(
          ({ podSelector }: Manifest) =>
            podSelector.matchLabels['app.kubernetes.io/component'] ??
            podSelector.matchLabels['app.kubernetes.io/name'],
        );

    it('admit exactly the calls that the apps make, on both sides', () => {
      const objects = render(chart);
      const calls: [string, string][] = [
        ['gateway', 'catalog'],
        ['gateway', 'order'],
        ['gateway', 'inventory'],
        ['catalog', 'inventory'],
        ['order', 'catalog'],
        ['order', 'inventory'],
        ['order', 'payment'],
      ];
      for (const app of apps) {
        const callers = calls.filter(([, to]) => to === app).map(([from]) => from);
        const admitted = callersOf(objects, app, 50051);
        expect(admitted.toSorted()).toEqual(
          [...callers, ...(app === 'gateway' ? ['flashmesh-gateway-client'] : [])].toSorted(),
        );
        const targets = calls.filter(([from]) => from === app).map(([, to]) => to);
        expect(targetsOf(objects, app, 50051).toSorted()).toEqual(targets.toSorted());
      }
    });

    it('admit the same callers as the apps themselves do', () => {
      const objects = render(chart);
      const rules = {
        catalog: catalogRules,
        inventory: inventoryRules,
        order: orderRules,
        payment: paymentRules,
      };
      for (const [app, { methods }] of Object.entries(rules)) {
        const callers = new Set([...methods.values()].flatMap((rule) => rule.callers));
        expect([...callers].toSorted()).toEqual(callersOf(objects, app, 50051).toSorted());
      }
    });

    it('deny everything else, both ways', () => {
      const objects = render(chart);
      for (const app of apps) {
        const { spec } = find(objects, 'NetworkPolicy', `flashmesh-${app}`);
        expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
        for (const rule of spec.egress) expect(rule.to.length * rule.ports.length).toBeGreaterThan(0);
        expect(targetsOf(objects, app, 9092)).toEqual(['kafka']);
        expect(targetsOf(objects, app, 2181)).toEqual(['zookeeper']);
        expect(targetsOf(objects, app, 6379)).toEqual(['redis']);
        expect(targetsOf(objects, app, 4317)).toEqual(['jaeger']);
      }
      expect(callersOf(objects, 'gateway', 8080)).toEqual(['flashmesh-gateway-client']);
      expect(callersOf(objects, 'payment', 8081)).toEqual([]);
    });

    it('open the gateway to an ingress controller that is named, to all behind a load balancer, and metrics to Prometheus', () => {
      const named = render(chart, {
        values: {
          networkPolicy: { gatewayFrom: [{ namespaceSelector: { matchLabels: { ingress: 'yes' } } }] },
        },
      });
      expect(callersOf(named, 'gateway', 8080)).toEqual(['flashmesh-gateway-client', 'ingress']);
      const open = render(chart, { values: { gateway: { service: { type: 'LoadBalancer' } } } });
      expect(callersOf(open, 'gateway', 8080)).toEqual(['anyone']);
      for (const inside of [named, open]) {
        expect(callersOf(inside, 'gateway', 50051)).toEqual(['flashmesh-gateway-client']);
        expect(callersOf(inside, 'gateway', 8081)).toEqual([]);
      }
      const monitored = render(chart, { values: { metrics: { serviceMonitor: { enabled: true } } } });
      expect(callersOf(monitored, 'payment', 8081)).toEqual(['kubernetes.io/metadata.name']);
    });
  });

  describe('security', () => {
    const secure = { security: { mode: 'self-signed' } };
    const env = (objects: Manifest[]): Record<string, string> => find(objects, 'ConfigMap', 'flashmesh').data;

    it('off: plain addresses, no secrets mounted', () => {
      const objects = render(chart);
      expect(env(objects)).toMatchObject({ ZOOKEEPER: 'zookeeper:2181', REDIS_URL: 'redis://redis:6379' });
      expect(Object.keys(env(objects)).filter((name) => /TLS|PASSWORD|CA_FILE/.test(name))).toEqual([]);
      expect(container(objects, 'order').volumeMounts.map(({ name }: Manifest) => name)).toEqual(['tmp']);
    });

    it('an unquoted off, which YAML reads as false, is off', () => {
      expect(env(render(chart, { values: { security: { mode: false } } }))).not.toHaveProperty('KAFKA_TLS');
    });

    it('on: TLS and a user to everything, passwords as files only', () => {
      const objects = render(chart, { values: secure });
      expect(env(objects)).toMatchObject({
        ZOOKEEPER: 'zookeeper:2281',
        ZOOKEEPER_TLS: 'true',
        KAFKA_TLS: 'true',
        KAFKA_USERNAME: 'flashmesh',
        REDIS_URL: 'rediss://redis:6379',
        OTEL_EXPORTER_OTLP_ENDPOINT: 'https://jaeger:4317',
      });
      const files = Object.entries(env(objects)).filter(([name]) => /_FILE$|_CERTIFICATE$/.test(name));
      const mounts: string[] = container(objects, 'order').volumeMounts.map(
        ({ mountPath }: Manifest) => mountPath,
      );
      expect(files).toHaveLength(10);
      for (const [, file] of files) expect(mounts).toContain(file.slice(0, file.lastIndexOf('/')));
      for (const { spec } of podTemplates(objects)) {
        for (const { env: list } of spec.containers) {
          expect((list ?? []).filter(({ name }: Manifest) => name.endsWith('PASSWORD'))).toEqual([]);
        }
      }
    });

    it('says how the apps know each other, and says plain text only when it is off', () => {
      for (const [values, domain] of [
        [secure, 'cluster.local'],
        [{ ...secure, clusterDomain: 'example.internal' }, 'example.internal'],
      ] as const) {
        const objects = render(chart, { values });
        expect(env(objects)).toMatchObject({
          GRPC_CERT_FILE: '/etc/flashmesh/identity/tls.crt',
          GRPC_IDENTITY: `spiffe://${domain}/ns/shop/sa/flashmesh-{service}`,
        });
        expect(env(objects)).not.toHaveProperty('GRPC_PLAINTEXT');
      }
      expect(env(render(chart))).toMatchObject({ GRPC_PLAINTEXT: 'true' });
      expect(env(render(chart))).not.toHaveProperty('GRPC_IDENTITY');
    });

    it('self-signed: a certificate names its app as GRPC_IDENTITY does, in the form of DNS', () => {
      const objects = render(chart, { values: secure });
      const naming = env(objects)['GRPC_IDENTITY'] ?? '';
      for (const app of apps) {
        const { data } = find(objects, 'Secret', `flashmesh-${app}-tls`);
        const [cert, ca] = ['tls.crt', 'ca.crt'].map((key) => Buffer.from(data[key], 'base64'));
        const leaf = new X509Certificate(cert as Buffer);
        expect(leaf.verify(new X509Certificate(ca as Buffer).publicKey)).toBe(true);
        const name = naming
          .replace('{service}', app)
          .replace(/^spiffe:\/\/(.+)\/ns\/(.+)\/sa\/(.+)$/, '$3.$2.svc.$1');
        expect(leaf.subjectAltName).toContain(`DNS:${name}`);
      }
    });

    it('gives each app a certificate of one CA, for its own names only', () => {
      const objects = render(chart, { values: secure });
      const ca = new Set(
        apps.map((app) => find(objects, 'Secret', `flashmesh-${app}-tls`).data['ca.crt'] as string),
      );
      expect(ca.size).toBe(1);
      const issued = render(chart, { valuesFiles: ['ci/cert-manager-values.yaml'] });
      for (const app of apps) {
        const { spec } = find(issued, 'Certificate', `flashmesh-${app}-tls`);
        expect(spec.uris).toEqual([`spiffe://cluster.local/ns/shop/sa/flashmesh-${app}`]);
        expect(spec.dnsNames).toContain(`flashmesh-${app}.shop.svc.cluster.local`);
        expect(spec.usages).toEqual(['server auth', 'client auth']);
      }
    });

    it('existing: makes no secret at all', () => {
      const objects = render(chart, { valuesFiles: ['ci/existing-values.yaml'] });
      expect(objects.filter(({ kind }) => kind === 'Secret')).toEqual([]);
      const { volumes } = deployment(objects, 'order').spec.template.spec;
      expect(volumes.find(({ name }: Manifest) => name === 'identity').secret.secretName).toBe(
        'shop-order-tls',
      );
    });
  });

  it('names the topics Job by what it does, so that a change runs a new one', () => {
    const job = (values: object) => render(chart, { values }).find(({ kind }) => kind === 'Job');
    expect(job({}).metadata.name).toBe(job({ logLevel: 'debug' }).metadata.name);
    expect(job({}).metadata.name).not.toBe(job({ kafka: { partitions: 8 } }).metadata.name);
  });

  it('rolls the apps when their configuration changes, and only then', () => {
    const checksum = (values: object) =>
      deployment(render(chart, { values }), 'order').spec.template.metadata.annotations['checksum/config'];
    expect(checksum({})).toBe(checksum({ rush: { enabled: true } }));
    expect(checksum({})).not.toBe(checksum({ logLevel: 'debug' }));
  });

  it('takes images from a mirror, by digest where one is given', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const objects = render(chart, {
      values: { global: { imageRegistry: 'mirror.example' }, image: { digests: { order: digest } } },
    });
    expect(container(objects, 'order').image).toBe(`mirror.example/flashmesh/order@${digest}`);
    expect(container(objects, 'payment').image).toBe('mirror.example/flashmesh/payment:0.1.0');
  });

  it.each([
    ['an unknown key', { kafka: { partions: 3 } }, /partions/],
    ['no replica', { apps: { gateway: { replicas: 0 } } }, /replicas/],
    ['an unknown app', { apps: { shipping: {} } }, /shipping/],
    ['an unknown mode', { security: { mode: 'on' } }, /mode/],
    [
      'existing without a secret',
      { security: { mode: 'existing' } },
      /security.tls.existingSecret is needed/,
    ],
    [
      'existing with one secret for all',
      { security: { mode: 'existing', tls: { existingSecret: 'shop-tls' } } },
      /security.tls.existingSecret must have {app} in it, not "shop-tls"/,
    ],
    ['cert-manager without an issuer', { security: { mode: 'cert-manager' } }, /issuerRef.name is needed/],
    [
      'keda for an app that consumes nothing',
      { apps: { payment: { autoscaling: { kind: 'keda' } } } },
      /apps.payment.autoscaling.kind/,
    ],
    [
      'more readers than partitions',
      { apps: { order: { autoscaling: { kind: 'keda', max: 5 } } } },
      /at most kafka.partitions \(4\), not 5/,
    ],
    [
      'a request below the limit',
      { apps: { order: { resources: { limits: { memory: '1Gi' } } } } },
      /apps.order.resources.requests.memory must be the limit \(1Gi\)/,
    ],
    ['an ingress without a host', { gateway: { ingress: { enabled: true } } }, /gateway.ingress.host/],
  ])('refuses %s', (_, values, names) => {
    expect(refusal(chart, { values })).toMatch(names);
  });
});
