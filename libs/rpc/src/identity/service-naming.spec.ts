import { ServiceNaming } from './service-naming.ts';

const naming = new ServiceNaming('spiffe://cluster.local/ns/shop/sa/flashmesh-{service}');
const order = 'spiffe://cluster.local/ns/shop/sa/flashmesh-order';

describe('ServiceNaming', () => {
  it('knows a service by its URI', () => {
    expect(naming.identify(`DNS:whatever, URI:${order}, IP Address:127.0.0.1`)).toEqual({
      kind: 'known',
      identity: { id: order, service: 'order' },
    });
    expect(naming.idOf('order')).toBe(order);
  });

  it('knows others of the trust domain by their id only', () => {
    const id = 'spiffe://cluster.local/ns/ops/sa/probe';
    expect(naming.identify(`URI:${id}`)).toEqual({ kind: 'known', identity: { id, service: undefined } });
    expect(naming.serviceOf('spiffe://cluster.local/ns/shop/sa/flashmesh-')).toBeUndefined();
    expect(naming.serviceOf('spiffe://cluster.local/ns/shop/sa/flashmesh-a/b')).toBeUndefined();
  });

  it('takes the name of Kubernetes where there is no URI', () => {
    const names = ['flashmesh-order', 'flashmesh-order.shop.svc', 'flashmesh-order.shop.svc.cluster.local'];
    const san = [...names, '*.flashmesh-order.shop.svc.cluster.local', 'localhost'].map(
      (name) => `DNS:${name}`,
    );
    expect(naming.identify(san.join(', '))).toEqual({
      kind: 'known',
      identity: { id: order, service: 'order' },
    });
  });

  it.each([
    ['nothing', undefined],
    ['no name of a service', 'DNS:localhost, DNS:order.shop.svc'],
    ['two services', 'DNS:a.shop.svc.cluster.local, DNS:b.shop.svc.cluster.local'],
    ['two URIs', `URI:${order}, URI:${order}`],
    ['another kind of URI beside a good DNS name', 'URI:https://a/b, DNS:a.shop.svc.cluster.local'],
    ['a quoted name that ends in a good one', `DNS:"a, URI:${order}"`],
    ['what cannot be read', `DNS:"a, URI:${order}`],
    ['a port', 'URI:spiffe://cluster.local:80/ns/shop/sa/flashmesh-order'],
    ['a query', `URI:${order}?a`],
    ['dots for a segment', 'URI:spiffe://cluster.local/ns/shop/../shop/sa/flashmesh-order'],
    ['a trust domain in capitals', 'URI:spiffe://Cluster.local/ns/shop/sa/flashmesh-order'],
    ['no path', 'URI:spiffe://cluster.local'],
  ])('finds no identity in %s', (_what, san) => {
    expect(naming.identify(san)).toEqual({ kind: 'none' });
  });

  it('tells a foreign trust domain', () => {
    const id = 'spiffe://cluster.local.evil.org/ns/shop/sa/flashmesh-order';
    expect(naming.identify(`URI:${id}`)).toEqual({ kind: 'foreign', id });
    expect(naming.identify('DNS:flashmesh-order.shop.svc.cluster.local.evil.org')).toEqual({ kind: 'none' });
  });

  it.each([
    '',
    'spiffe://a/{service}/b',
    'spiffe://a/b',
    'spiffe://a/{service}{service}',
    'https://a/{service}',
  ])('refuses the template %j', (template) => expect(() => new ServiceNaming(template)).toThrow(RangeError));
});
