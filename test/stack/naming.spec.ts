import type { ServiceInstance } from '@flashmesh/core';
import { Registry } from '@flashmesh/registry';
import { ZooKeeper } from '@flashmesh/zookeeper';
import { until } from '../support/shop.ts';

describe('naming, on the real stack', () => {
  let zk: ZooKeeper;
  let registry: Registry;
  beforeAll(async () => {
    zk = await ZooKeeper.connect({ servers: process.env['ZOOKEEPER'] ?? '' });
    registry = new Registry(zk);
  });
  afterAll(async () => {
    await registry.close();
    await zk.close();
  });

  it('has an entry an instance, and what instances serve once', async () => {
    let seen: readonly ServiceInstance[] = [];
    const stop = registry.watch('catalog', (instances) => (seen = instances));
    const both = await until(async () => (seen.length >= 2 ? seen : undefined), 'the catalog’s instances');
    stop();
    const revisions = new Set(both.map(({ revision }) => revision));
    expect(revisions.size).toBe(1);
    const [revision = ''] = revisions;
    const metadata = await registry.metadata('catalog', revision);
    expect(metadata?.methods).toContain('/flashmesh.catalog.v1.CatalogService/GetProduct');
  });
});
