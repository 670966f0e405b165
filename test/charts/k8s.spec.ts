import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { find, type Manifest, podTemplates, render } from './support.ts';

const root = join(import.meta.dirname, '../..');
const folder = join(root, 'k8s');
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
const objects = (name: string): Manifest[] =>
  parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((document) => document.toJS());
const all = files.flatMap((name) => objects(name));

/** `apiGroup/resource` to verbs. */
function rights(role: Manifest): ReadonlyMap<string, readonly string[]> {
  return new Map(
    role.rules.flatMap((rule: Manifest) =>
      rule.apiGroups.flatMap((group: string) =>
        rule.resources.map((resource: string) => [`${group}/${resource}`, rule.verbs]),
      ),
    ),
  );
}

it('every object is in the namespace flashmesh, but the namespace and the cluster', () => {
  for (const { kind, metadata } of all.filter(({ kind }) => kind !== 'Cluster')) {
    expect([kind, metadata.namespace ?? metadata.name]).toEqual([kind, 'flashmesh']);
  }
});

it('the README names every file, in the order in which they are applied', () => {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  for (const name of files) expect(readme).toContain(`k8s/${name}`);
  const order = ['namespace', 'quota', 'limits', 'network-policies', 'deployer'].map((name) =>
    readme.indexOf(`kubectl apply -f k8s/${name}.yaml`),
  );
  expect(order).toEqual(order.toSorted((a, b) => a - b));
});

describe('the namespace', () => {
  it('enforces Pod Security restricted at the newest version, and warns and audits by the same rule', () => {
    const { labels } = find(objects('namespace.yaml'), 'Namespace', 'flashmesh').metadata;
    const mode = (name: string) => [
      [`pod-security.kubernetes.io/${name}`, 'restricted'],
      [`pod-security.kubernetes.io/${name}-version`, 'latest'],
    ];
    expect(labels).toEqual(Object.fromEntries(['enforce', 'audit', 'warn'].flatMap(mode)));
  });

  it('denies both ways by default', () => {
    const { spec } = find(objects('network-policies.yaml'), 'NetworkPolicy', 'default-deny');
    expect(spec).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] });
  });

  it('lets every pod ask the DNS, over UDP and TCP, also a cache on the node', () => {
    const { spec } = find(objects('network-policies.yaml'), 'NetworkPolicy', 'allow-dns');
    expect(spec.egress).toHaveLength(1);
    expect(spec.egress[0].ports).toEqual([
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ]);
    expect(spec.egress[0].to).toContainEqual({ ipBlock: { cidr: '169.254.20.10/32' } });
  });

  it('has no quota of CPU limits: pods have none, and would be refused for it', () => {
    const { hard } = find(objects('quota.yaml'), 'ResourceQuota', 'flashmesh').spec;
    expect(Object.keys(hard)).not.toContain('limits.cpu');
  });

  it('gives what its quota demands to containers that do not ask', () => {
    const { limits } = find(objects('limits.yaml'), 'LimitRange', 'flashmesh').spec;
    const container = limits.find(({ type }: Manifest) => type === 'Container');
    expect(Object.keys(container.defaultRequest)).toEqual(['cpu', 'memory']);
    expect(Object.keys(container.default)).toEqual(['memory']);
  });
});

describe('the deployer', () => {
  const role = find(objects('deployer.yaml'), 'Role', 'deployer');
  const may = rights(role);

  it('has rights in its namespace only', () => {
    expect(objects('deployer.yaml').map(({ kind }) => kind)).toEqual([
      'ServiceAccount',
      'Role',
      'RoleBinding',
    ]);
  });

  it('has no wildcard', () => {
    expect(JSON.stringify(role.rules)).not.toContain('*');
  });

  it('can neither run something in a pod nor give rights', () => {
    const verbs = new Set([...may.values()].flat());
    expect([...verbs].sort()).toEqual(['create', 'delete', 'get', 'list', 'patch', 'update', 'watch']);
    const resources = [...may.keys()].filter((name) => name.includes('/', 1));
    for (const forbidden of [
      '/pods/exec',
      '/pods/attach',
      '/pods/ephemeralcontainers',
      '/serviceaccounts/token',
      'rbac.authorization.k8s.io/roles',
      'rbac.authorization.k8s.io/rolebindings',
    ]) {
      expect(resources).not.toContain(forbidden);
    }
  });

  it('may watch every kind that any chart renders, and change what Helm changes', () => {
    const templates = readdirSync(join(root, 'helm'), { recursive: true, encoding: 'utf8' }).filter(
      (name) => /\/templates\/.*\.(yaml|tpl)$/.test(name) && !name.includes('/charts/'),
    );
    const kinds = templates.flatMap((name) => kindsIn(readFileSync(join(root, 'helm', name), 'utf8')));
    expect(kinds.length).toBeGreaterThan(20);
    for (const kind of new Set(kinds)) {
      const verbs = may.get(kind) ?? [];
      const needed = ['get', 'list', 'watch', 'create', 'patch', 'delete'];
      expect([kind, needed.filter((verb) => !verbs.includes(verb))]).toEqual([kind, []]);
    }
  });

  it('sees what readiness is made of, reads logs and forwards ports', () => {
    expect(may.get('apps/replicasets')).toEqual(['get', 'list', 'watch']);
    expect(may.get('/events')).toEqual(['get', 'list', 'watch']);
    expect(may.get('/pods/log')).toEqual(['get']);
    expect(may.get('/pods/portforward')).toEqual(['create']);
  });
});

/** What the objects of a template are to the API server: `apiGroup/resource`. */
function kindsIn(template: string): string[] {
  return [...template.matchAll(/^apiVersion: (?:([\w.]+)\/)?v\w+\nkind: (\w+)$/gm)].map(
    ([, group = '', kind = '']) => {
      const name = kind.toLowerCase();
      return `${group}/${name.endsWith('y') ? `${name.slice(0, -1)}ie` : name.endsWith('s') ? `${name}e` : name}s`;
    },
  );
}

describe('chaos', () => {
  const chaos = objects('chaos-cronjob.yaml');

  it('may list and delete pods, and nothing else', () => {
    expect(find(chaos, 'Role', 'chaos').rules).toEqual([
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'delete'] },
    ]);
  });

  it('does nothing until it is switched on, and never twice at once', () => {
    const { spec } = find(chaos, 'CronJob', 'chaos');
    expect(spec.suspend).toBe(true);
    expect(spec.concurrencyPolicy).toBe('Forbid');
  });

  it('talks to the API server only', () => {
    const { spec } = find(chaos, 'NetworkPolicy', 'chaos');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec.ingress).toBeUndefined();
    expect(spec.egress.map(({ ports }: Manifest) => ports)).toEqual([
      [
        { protocol: 'TCP', port: 443 },
        { protocol: 'TCP', port: 6443 },
      ],
    ]);
  });
});

describe('the rush', () => {
  const job = find(objects('rush-job.yaml'), 'Job', 'rush');
  const pod = job.spec.template.spec;

  it('is not repeated, ends, and is cleaned up', () => {
    expect(job.spec.backoffLimit).toBe(0);
    expect(pod.restartPolicy).toBe('Never');
    expect(job.spec.activeDeadlineSeconds).toBeGreaterThan(0);
    expect(job.spec.ttlSecondsAfterFinished).toBeGreaterThan(0);
  });

  it('opens a sale, lets the buyers rush, and verifies what they wrote down', () => {
    const words = (container: Manifest) => [container.image.split(':')[0], container.args[0]];
    expect(pod.initContainers.map(words)).toEqual([
      ['flashmesh/setup', 'sale'],
      ['flashmesh/rush', 'run'],
    ]);
    expect(pod.containers.map(words)).toEqual([['flashmesh/rush', 'verify']]);
    expect(pod.initContainers[1].args).toContain('--out=/work/accepted.jsonl');
    expect(pod.containers[0].args).toContain('--accepted=/work/accepted.jsonl');
  });

  it('gives the admin token to the container that opens the sale, and to no other', () => {
    const withToken = [...pod.initContainers, ...pod.containers].filter(({ env = [] }: Manifest) =>
      env.some(({ name }: Manifest) => name === 'ADMIN_TOKEN'),
    );
    expect(withToken.map(({ name }) => name)).toEqual(['sale']);
  });

  it('gives each container what the chart gives that of its own rush', () => {
    const rush = find(render('flashmesh', { set: ['rush.enabled=true'] }), 'Job', 'flashmesh-rush-1');
    const given = ({ initContainers, containers }: Manifest) =>
      [...initContainers, ...containers].map(({ name, resources }: Manifest) => [name, resources]);
    expect(given(pod)).toEqual(given(rush.spec.template.spec));
  });

  it('is a client of Kafka and of the gateway to their network policies', () => {
    expect(job.spec.template.metadata.labels).toMatchObject({
      'kafka-client': 'true',
      'flashmesh-gateway-client': 'true',
    });
  });
});

describe('every pod', () => {
  const pods = podTemplates(all);

  it('is there', () => {
    expect(new Set(pods.map(({ owner }) => owner.metadata.name))).toEqual(new Set(['chaos', 'rush']));
  });

  it.each(pods.map(({ owner, spec }) => [owner.metadata.name, spec]))(
    '%s lives under restricted',
    (_, spec) => {
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: 1000,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(spec.enableServiceLinks).toBe(false);
      for (const container of [...(spec.initContainers ?? []), ...spec.containers]) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(container.resources.requests.memory).toBe(container.resources.limits.memory);
        expect(container.resources.limits.cpu).toBeUndefined();
      }
    },
  );

  it('has no token of the API server, but chaos, which deletes pods with it', () => {
    const tokens = pods.map(({ owner, spec }) => [owner.metadata.name, spec.automountServiceAccountToken]);
    expect(Object.fromEntries(tokens)).toEqual({ chaos: true, rush: false });
  });
});
