import { parse } from 'yaml';
import { find, type Manifest, podTemplates, refusal, render } from './support.ts';

const chart = 'jaeger';
const config = (objects: Manifest[]): Manifest =>
  parse(find(objects, 'ConfigMap', 'jaeger').data['config.yaml']);

describe('the jaeger chart', () => {
  it('is one pod that is replaced, never doubled', () => {
    const { spec } = find(render(chart), 'Deployment', 'jaeger');
    expect(spec).toMatchObject({ replicas: 1, strategy: { type: 'Recreate' } });
  });

  it('listens beyond the pod, on the ports of its Service', () => {
    const objects = render(chart);
    const { grpc, http } = config(objects).receivers.otlp.protocols;
    expect([grpc.endpoint, http.endpoint]).toEqual(['0.0.0.0:4317', '0.0.0.0:4318']);
    const ports = find(objects, 'Service', 'jaeger').spec.ports.map(({ port }: Manifest) => port);
    expect(ports).toEqual(expect.arrayContaining([4317, 4318, 16686]));
  });

  it('refuses spans before the kernel kills it', () => {
    const objects = render(chart);
    expect(config(objects).service.pipelines.traces.processors[0]).toBe('memory_limiter');
    const [{ env }] = find(objects, 'Deployment', 'jaeger').spec.template.spec.containers;
    const limit = env.find(({ name }: Manifest) => name === 'GOMEMLIMIT').value;
    expect(Number(limit)).toBe(Math.floor((192 * 1024 * 1024 * 8) / 10));
  });

  it('badger: a volume that stays after an uninstall', () => {
    const objects = render(chart, { valuesFiles: ['ci/badger-values.yaml'] });
    const claim = find(objects, 'PersistentVolumeClaim', 'jaeger-data');
    expect(claim.metadata.annotations['helm.sh/resource-policy']).toBe('keep');
    expect(render(chart).some(({ kind }) => kind === 'PersistentVolumeClaim')).toBe(false);
  });

  it('security: TLS for what comes in and for who asks', () => {
    const secure = config(render(chart, { values: { security: { mode: 'self-signed' } } }));
    const plain = config(render(chart));
    expect(secure.receivers.otlp.protocols.grpc.tls.cert_file).toMatch(/tls.crt$/);
    expect(secure.extensions.jaeger_query.http.tls.cert_file).toMatch(/tls.crt$/);
    expect(plain.receivers.otlp.protocols.grpc.tls).toBeUndefined();
  });

  it('admits senders by label, and calls nobody', () => {
    const { spec } = find(render(chart), 'NetworkPolicy', 'jaeger');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec.ingress[0].from).toEqual([{ podSelector: { matchLabels: { 'jaeger-client': 'true' } } }]);
    expect(spec.egress ?? []).toEqual([]);
  });

  it('satisfies Pod Security restricted', () => {
    for (const { spec } of podTemplates(render(chart))) {
      expect(spec.securityContext.runAsNonRoot).toBe(true);
      expect(spec.enableServiceLinks).toBe(false);
      for (const { securityContext } of spec.containers) {
        expect(securityContext).toMatchObject({
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
        });
      }
    }
  });

  it.each([
    ['an unknown storage', { storage: { type: 'oracle' } }, /storage/],
    ['an unknown key', { storag: {} }, /storag/],
    ['existing without a secret', { security: { mode: 'existing' } }, /existingSecret/],
    ['badger with little memory', { storage: { type: 'badger' } }, /resources.limits.memory/],
  ])('refuses %s', (_, values, names) => {
    expect(refusal(chart, { values })).toMatch(names);
  });
});
