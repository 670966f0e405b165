import { describe, expect, it } from '@jest/globals';
import { find, refusal, render } from './support.ts';

const chart = 'flashmesh';
const ingress = { enabled: true, host: 'shop.example.org', tlsSecret: 'shop-tls' };
const gatewayFrom = [
  { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } },
];

describe('the Ingress', () => {
  it('is refused while the network policy keeps its controller out', () => {
    expect(refusal(chart, { values: { gateway: { ingress } } })).toMatch(
      /networkPolicy.gatewayFrom is needed when gateway.ingress.enabled is true/,
    );
  });

  it('leads to a port that its controller may reach', () => {
    const objects = render(chart, { values: { gateway: { ingress }, networkPolicy: { gatewayFrom } } });
    const [{ backend }] = find(objects, 'Ingress', 'flashmesh-gateway').spec.rules[0].http.paths;
    const { ports } = find(objects, 'Service', backend.service.name).spec;
    const { targetPort } = ports.find(({ name }: { name: string }) => name === backend.service.port.name);
    const container = find(objects, 'Deployment', 'flashmesh-gateway').spec.template.spec.containers[0];
    const { containerPort } = container.ports.find(({ name }: { name: string }) => name === targetPort);
    const admitted = find(objects, 'NetworkPolicy', 'flashmesh-gateway').spec.ingress.filter(
      ({ from }: { from?: unknown[] }) => JSON.stringify(from).includes('ingress-nginx'),
    );
    expect(admitted.map(({ ports: open }: { ports: unknown }) => open)).toEqual([
      [{ port: containerPort, protocol: 'TCP' }],
    ]);
  });

  it.each([
    ['without network policies', { networkPolicy: { enabled: false } }],
    ['behind a Service that is open to all', { gateway: { service: { type: 'NodePort' }, ingress } }],
  ])('needs nobody named %s', (_, values) => {
    const objects = render(chart, { values: { gateway: { ingress }, ...values } });
    expect(find(objects, 'Ingress', 'flashmesh-gateway').spec.tls[0].secretName).toBe('shop-tls');
  });
});
