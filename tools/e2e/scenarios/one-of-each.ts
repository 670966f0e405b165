import { join } from 'node:path';
import { root } from '../../local/paths.ts';
import { type Checks, expect } from '../checks.ts';
import { type Cluster, eventually, type KubeObject } from '../cluster.ts';
import { Releases } from '../releases.ts';
import { Shop, Traces } from '../shop.ts';
import { wrongValues } from './wrong-values.ts';

/** Every service that has a part in an order. */
const services = ['gateway', 'order', 'catalog', 'inventory', 'payment', 'fulfillment', 'notification'];
const MAX_REQUESTS_MIB = 2560;
const MAX_SECONDS = 180;

/** What a newcomer does: install everything with one replica, test, order, look at the trace, and remove it again. */
export async function oneOfEach(checks: Checks, admin: Cluster, deployer: Cluster): Promise<void> {
  const releases = new Releases(deployer);
  const start = performance.now();
  const installed = await checks.check(
    'one of each: the deployer installs, tests and buys with tools/deploy',
    async () => (await deployer.script('deploy.sh', 'default', join(root, 'helm'))).split('\n').at(-1),
  );
  if (!installed) return;
  await checks.check(`one of each: from nothing to tested within ${MAX_SECONDS} s`, async () => {
    const seconds = Math.round((performance.now() - start) / 1000);
    expect(seconds <= MAX_SECONDS, `it took ${seconds} s`);
    return `${seconds} s`;
  });
  await checks.check('one of each: Pod Security restricted refused nothing', () => nothingRefused(admin));
  await checks.check(`one of each: memory requests of at most ${MAX_REQUESTS_MIB} MiB`, async () => {
    const mib = await requestedMib(admin);
    expect(mib <= MAX_REQUESTS_MIB, `they are ${mib} MiB`);
    return `${mib} MiB`;
  });
  await checks.check('one of each: an order through a port-forward, and its trace in Jaeger', () =>
    tracedOrder(deployer),
  );
  await wrongValues(checks, deployer);
  await checks.check('one of each: uninstalled, nothing is left but volumes', async () => {
    await releases.uninstall();
    return nothingLeft(admin);
  });
}

/** Events of pods that admission did not let in. */
export async function nothingRefused(cluster: Cluster): Promise<void> {
  const events = await cluster.items('events');
  const refused = events.filter(({ message }) => /violates PodSecurity|exceeded quota/.test(String(message)));
  expect(refused.length === 0, refused.map(({ message }) => String(message)).join('\n'));
}

export async function tracedOrder(cluster: Cluster): Promise<string> {
  const shop = await Shop.open(cluster);
  const traces = await Traces.open(cluster);
  try {
    const order = await shop.order(await shop.openSale(10));
    const state = await shop.ended(order);
    expect(state === 'CONFIRMED', `order ${order.id} ended ${state}`);
    let seen: ReadonlySet<string> = new Set();
    await eventually(`trace ${order.traceId} of every service`, 60, async () => {
      seen = await traces.servicesOf(order.traceId);
      return services.every((service) => seen.has(service)) ? true : undefined;
    }).catch((error: unknown) => {
      throw new Error(`the trace has ${[...seen].join(', ') || 'nothing'}`, { cause: error });
    });
    return `${order.id} in ${seen.size} services`;
  } finally {
    shop.close();
    traces.close();
  }
}

async function requestedMib(cluster: Cluster): Promise<number> {
  const pods = await cluster.items('pods', '--field-selector=status.phase=Running');
  const containers = pods.flatMap(({ spec }) => spec.containers as KubeObject[]);
  return containers.reduce((sum, { resources }) => sum + mib(resources.requests.memory as string), 0);
}

function mib(quantity: string): number {
  const [, number, unit] = /^(\d+)(Mi|Gi)$/.exec(quantity) ?? [];
  if (number === undefined) throw new Error(`${quantity} is not in Mi or Gi`);
  return Number(number) * (unit === 'Gi' ? 1024 : 1);
}

/** What is there of every kind that a chart makes, besides volumes and what the admin applied. */
async function nothingLeft(cluster: Cluster): Promise<void> {
  const kinds =
    'pods,services,deployments,statefulsets,jobs,configmaps,secrets,networkpolicies,poddisruptionbudgets,serviceaccounts';
  await eventually('everything is gone', 90, async () => {
    const left = await leftovers(cluster, kinds);
    if (left.length > 0) throw new Error(left.join('\n'));
    return true;
  });
}

async function leftovers(cluster: Cluster, kinds: string): Promise<string[]> {
  const found = await cluster.items(kinds, '--selector', 'app.kubernetes.io/managed-by=Helm');
  const pods = await cluster.items('pods');
  return [...found, ...pods].map(({ kind, metadata }) => `${kind}/${metadata.name}`);
}
