import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { createRegistry } from './stand-ins/registry.ts';
import { type Manifest, podTemplates } from './support.ts';

/** The scripts of release.yml and deploy.yml, one after the other, with a registry in memory and a cosign that believes all. */
const root = join(import.meta.dirname, '../..');
const VERSION = '7.8.9-rc.1';
const charts = ['zookeeper', 'kafka', 'redis', 'jaeger', 'flashmesh'];
const services = ['catalog', 'fulfillment', 'gateway', 'inventory', 'notification', 'order', 'payment'];
const folder = mkdtempSync(join(tmpdir(), 'flashmesh-release-'));
const server = createRegistry();
const digestOf = (app: string) => `sha256:${Buffer.from(app.padEnd(32)).toString('hex')}`;
let registry = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry = `127.0.0.1:${(server.address() as AddressInfo).port}/owner`;
  mkdirSync(join(folder, 'bin'));
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A program that writes down how it was called, and does nothing. */
function standIn(name: string): void {
  const file = join(folder, 'bin', name);
  writeFileSync(file, `#!/bin/sh\necho "$*" >> '${join(folder, name)}.calls'\n`);
  chmodSync(file, 0o755);
}
const callsOf = (name: string) =>
  readFileSync(join(folder, `${name}.calls`), 'utf8')
    .trim()
    .split('\n');

const lines = (text: string) => text.trim().split('\n');

async function run(command: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await end(command, ...args);
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${stderr}`);
  return stdout;
}

function end(command: string, ...args: string[]) {
  const path = command.endsWith('.sh') ? join(root, 'tools/deploy', command) : command;
  const PATH = `${join(folder, 'bin')}:${process.env['PATH']}`;
  const child = spawn(path, args, {
    cwd: root,
    env: { ...process.env, PATH, HELM_REGISTRY_OPTIONS: '--plain-http' },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

async function images(...chart: string[]): Promise<ReadonlyMap<string, string>> {
  const rendered = await run('helm', 'template', 'flashmesh', ...chart, '--set', 'rush.enabled=true');
  const objects = parseAllDocuments(rendered).map((document) => document.toJS());
  const containers = podTemplates(objects.filter(Boolean)).flatMap(({ spec }) => [
    ...(spec.initContainers ?? []),
    ...spec.containers,
  ]);
  return new Map(containers.map(({ name, image }: Manifest) => [name, image]));
}

describe('a release', () => {
  let pushed = '';

  it('packages every chart under its version', async () => {
    const digests = join(folder, 'images');
    writeFileSync(digests, [...services, 'rush', 'setup'].map((app) => `${app} ${digestOf(app)}\n`).join(''));
    await run('package-charts.sh', VERSION, registry, join(folder, 'charts'), digests);
    expect(readdirSync(join(folder, 'charts')).sort()).toEqual(
      charts.map((name) => `${name}-${VERSION}.tgz`).sort(),
    );
  });

  it('names every image by the digest that was built', async () => {
    const named = await images(join(folder, `charts/flashmesh-${VERSION}.tgz`));
    for (const app of services) expect(named.get(app)).toBe(`${registry}/flashmesh/${app}@${digestOf(app)}`);
    expect(named.get('topics')).toBe(`${registry}/flashmesh/setup@${digestOf('setup')}`);
    expect(named.get('run')).toBe(`${registry}/flashmesh/rush@${digestOf('rush')}`);
  });

  it('names images by their version where no digests are given', async () => {
    await run('package-charts.sh', VERSION, registry, join(folder, 'without'));
    const named = await images(join(folder, `without/flashmesh-${VERSION}.tgz`));
    for (const app of services) expect(named.get(app)).toBe(`${registry}/flashmesh/${app}:${VERSION}`);
  });

  it('pushes each chart once, and tells its digest each time', async () => {
    const push = () => run('push-charts.sh', join(folder, 'charts'), VERSION, `oci://${registry}/charts`);
    pushed = await push();
    expect(lines(pushed).map((line) => line.replace(/ .*/, ''))).toEqual(charts.toSorted());
    expect(await push()).toBe(pushed);
  });

  it('is verified as what its tag’s workflow signed: charts by digest, and every image that they name', async () => {
    standIn('cosign');
    const verified = await run('verify-release.sh', registry, VERSION, 'Owner/flashmesh');
    expect(lines(verified).sort()).toEqual(lines(pushed).sort());
    const calls = callsOf('cosign');
    const by = `https://github.com/Owner/flashmesh/.github/workflows/release.yml@refs/tags/v${VERSION}`;
    for (const call of calls) expect(call).toMatch(new RegExp(`--certificate-identity ${by}$`));
    const looked = calls.map((call) => call.split(' ')[1]);
    expect(looked).toEqual(
      expect.arrayContaining([
        ...lines(pushed).map((line) => `${registry}/charts/${line.replace(' ', '@')}`),
        ...[...services, 'rush', 'setup'].map((app) => `${registry}/flashmesh/${app}@${digestOf(app)}`),
      ]),
    );
    expect(looked).toHaveLength(charts.length + services.length + 2);
  });

  it('is not verified when cosign refuses one', async () => {
    standIn('cosign');
    writeFileSync(join(folder, 'bin/cosign'), '#!/bin/sh\ncase $2 in */order@*) exit 1 ;; esac\n');
    const { code } = await end('verify-release.sh', registry, VERSION, 'Owner/flashmesh');
    expect(code).not.toBe(0);
  });

  it('is deployed by the digests that were verified, wherever the tags have gone', async () => {
    const digest = /^flashmesh (\S+)$/m.exec(pushed)?.[1];
    const without = join(folder, `without/flashmesh-${VERSION}.tgz`);
    await run('helm', 'push', without, `oci://${registry}/charts`, '--plain-http');
    const named = await images(`oci://${registry}/charts/flashmesh@${digest}`, '--plain-http');
    expect(named.get('order')).toBe(`${registry}/flashmesh/order@${digestOf('order')}`);

    standIn('helm');
    standIn('kubectl');
    const digests = join(folder, 'verified');
    writeFileSync(digests, pushed);
    const profiles = 'helm/profiles/ha,helm/profiles/secure';
    await end('deploy.sh', 'flashmesh', profiles, `oci://${registry}/charts`, digests);
    const upgrades = callsOf('helm').filter((call) => call.startsWith('upgrade'));
    const wanted = new Map(lines(pushed).map((line) => line.split(' ') as [string, string]));
    expect(upgrades.map((call) => call.split(' ').slice(2, 4))).toEqual(
      charts.map((name) => [name, `oci://${registry}/charts/${name}@${wanted.get(name)}`]),
    );
    for (const call of upgrades) expect(call).toContain(' --reset-values ');
    expect(upgrades[1]).toMatch(/--values \S+\/ha\/kafka.yaml --values \S+\/secure\/kafka.yaml /);
  });

  it('is not deployed where a digest is missing', async () => {
    const digests = join(folder, 'incomplete');
    writeFileSync(digests, pushed.replace(/^kafka .*$/m, ''));
    rmSync(join(folder, 'helm.calls'));
    const { code, stderr } = await end(
      'deploy.sh',
      'flashmesh',
      'default',
      `oci://${registry}/charts`,
      digests,
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain('no digest of kafka');
    expect(callsOf('helm')).toHaveLength(1);
  });
});
