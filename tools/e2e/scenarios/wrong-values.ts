import { type Checks, expect } from '../checks.ts';
import type { Cluster } from '../cluster.ts';
import { join } from 'node:path';
import { root } from '../../local/paths.ts';

/** A Secret that is not there. */
const missing = /Secret: there is no Secret nobodys/;

/** A value that must be refused, and what the refusal must name. */
const wrong: readonly (readonly [chart: string, set: string, names: RegExp])[] = [
  ['flashmesh', 'kafka.partions=3', /partions/],
  ['flashmesh', 'apps.gateway.replicas=0', /apps.gateway.replicas|\/apps\/gateway\/replicas/],
  ['flashmesh', 'security.mode=existing', /existingSecret/],
  ['flashmesh', 'security.mode=existing,security.tls.existingSecret=nobodys-{app}', missing],
  ['flashmesh', 'gateway.existingSecret=nobodys', missing],
  ['flashmesh', 'gateway.ingress.enabled=true,gateway.ingress.host=shop.example.org', /gatewayFrom/],
  ['flashmesh', 'security.mode=cert-manager', /issuerRef/],
  ['flashmesh', 'apps.payment.autoscaling.kind=keda', /apps.payment.autoscaling.kind/],
  ['zookeeper', 'replicas=2', /replicas/],
  ['zookeeper', 'unknown=1', /unknown/],
  ['zookeeper', 'security.mode=existing', /existingSecret/],
  [
    'zookeeper',
    'security.mode=existing,security.tls.existingSecret=nobodys,security.auth.existingSecret=nobodys',
    missing,
  ],
  ['zookeeper', 'security.mode=self-signed,security.auth.existingSecret=nobodys', missing],
  ['kafka', 'replicas=2', /replicas/],
  ['kafka', 'unknown=1', /unknown/],
  ['kafka', 'clusterId=short', /clusterId/],
  ['kafka', 'security.mode=existing', /existingSecret/],
  [
    'kafka',
    'security.mode=existing,security.tls.existingSecret=nobodys,security.auth.existingSecret=nobodys',
    missing,
  ],
  ['kafka', 'security.mode=self-signed,security.auth.existingSecret=nobodys', missing],
  ['redis', 'shards=0', /shards/],
  ['redis', 'unknown=1', /unknown/],
  ['redis', 'security.mode=existing', /existingSecret/],
  [
    'redis',
    'security.mode=existing,security.tls.existingSecret=nobodys,security.auth.existingSecret=nobodys',
    missing,
  ],
  ['redis', 'security.mode=self-signed,security.auth.existingSecret=nobodys', missing],
  ['jaeger', 'storage.type=oracle', /storage/],
  ['jaeger', 'unknown=1', /unknown/],
  ['jaeger', 'security.mode=existing', /existingSecret/],
  ['jaeger', 'security.mode=existing,security.tls.existingSecret=nobodys', missing],
];

/** A wrong value is refused before anything is changed. */
export async function wrongValues(checks: Checks, deployer: Cluster): Promise<void> {
  for (const [chart, set, names] of wrong) {
    await checks.check(`${chart}: --set ${set} is refused and changes nothing`, async () => {
      const before = await deployer.helm('history', chart, '--output', 'json');
      const refusal = await deployer
        .helm('upgrade', chart, join(root, 'helm', chart), '--reuse-values', '--set', set)
        .then(
          () => undefined,
          (error: Error) => error.message,
        );
      expect(refusal !== undefined, 'it was accepted');
      expect(names.test(refusal ?? ''), `the refusal does not name it: ${refusal}`);
      expect(
        (await deployer.helm('history', chart, '--output', 'json')) === before,
        'there is a new revision',
      );
    });
  }
}
