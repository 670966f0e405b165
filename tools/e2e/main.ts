/**
 * The charts on a real cluster, as an admin, an operator and a newcomer use them. KUBECONFIG names an admin of the cluster;
 * CLUSTER_TOOLS a folder that can make the images on a machine without a registry, else they are there or can be pulled.
 */
import { parseArgs } from 'node:util';
import { Checks } from './checks.ts';
import { Cluster } from './cluster.ts';
import { prepareNamespace } from './deployer.ts';
import { loadImages } from './local-images.ts';
import { charts } from './releases.ts';
import { oneOfEach } from './scenarios/one-of-each.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { threeOfEach } from './scenarios/three-of-each.ts';
import { deletionsUnderLoad, restartsUnderLoad, upgradesUnderLoad } from './scenarios/under-load.ts';
import { variant } from './scenarios/variants.ts';

const scenarios: Readonly<Record<string, Scenario>> = {
  one: oneOfEach,
  three: threeOfEach,
  upgrades: upgradesUnderLoad,
  restarts: restartsUnderLoad,
  deletions: deletionsUnderLoad,
  secure: variant('secure'),
  'ha-secure': variant('ha', 'secure'),
  'zookeeper-mode': variant('zookeeper-mode'),
};

const usage = `Usage: node tools/e2e/main.ts [--keep] [${Object.keys(scenarios).join('] [')}]
  Runs the named scenarios, or all. Each begins with an empty namespace "flashmesh"; --keep leaves that of the last one as it is.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { keep: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(scenarios);
  if (values.help || names.some((name) => !(name in scenarios))) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  const checks = new Checks();
  const tools = process.env['CLUSTER_TOOLS'];
  if (tools && !(await checks.check('images of every app and server', () => loadImages(tools)))) {
    return checks.report();
  }
  for (const name of names) {
    console.log(`\n== ${name}`);
    await runScenario(checks, scenarios[name] as Scenario, values.keep && name === names.at(-1));
  }
  return checks.report();
}

async function runScenario(checks: Checks, scenario: Scenario, keep: boolean): Promise<void> {
  const admin = new Cluster('flashmesh');
  await dropNamespace(admin);
  const before = checks.failed;
  try {
    let deployer: Cluster | undefined;
    await checks.check('the namespace, prepared as k8s/ says', async () => {
      deployer = await prepareNamespace(admin);
    });
    if (deployer) await scenario(checks, admin, deployer);
  } finally {
    await showTroubles(admin);
    if (checks.failed > before) console.log(await admin.script('dump.sh'));
    if (!keep) await dropNamespace(admin);
  }
}

/** Where pods are left it takes long: the cluster looks again only after half of their grace periods. */
function dropNamespace(admin: Cluster): Promise<string> {
  return admin.kubectl('delete', 'namespace', admin.namespace, '--ignore-not-found', '--timeout=600s');
}

/** What a reader of the log would ask for next, where something went wrong. */
async function showTroubles(admin: Cluster): Promise<void> {
  for (const { metadata, status } of await admin.items('pods')) {
    for (const { name, restartCount, ready, state } of status.containerStatuses ?? []) {
      if (restartCount === 0 && (ready || state.terminated?.exitCode === 0)) continue;
      console.log(`\n-- ${metadata.name}/${name}: ${restartCount} restarts, ${JSON.stringify(state)}`);
      for (const previous of restartCount > 0 ? ['--previous', '--previous=false'] : ['--previous=false']) {
        const log = admin.kubectl(
          'logs',
          metadata.name as string,
          '--container',
          name as string,
          '--tail=15',
          previous,
        );
        console.log(await log.catch((error: Error) => error.message.slice(0, 300)));
      }
    }
  }
  const releases = await admin.helm('list', '--all', '--output', 'json').catch(() => '[]');
  for (const { name, status } of JSON.parse(releases) as { name: string; status: string }[]) {
    if (charts.includes(name) && status !== 'deployed') console.log(`-- release ${name} is ${status}`);
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
