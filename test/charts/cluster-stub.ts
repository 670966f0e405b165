import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';

/** What the namespace `shop` of a cluster holds, as `lookup` of a chart sees it. */
export interface Stock {
  /** Name to keys. */
  readonly secrets: Readonly<Record<string, readonly string[]>>;
}

/** The kinds that the charts make, of which Helm asks whether the cluster knows them: by their version, as the path has it. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  v1: ['ServiceAccount', 'Secret', 'ConfigMap', 'Service'],
  'apps/v1': ['StatefulSet', 'Deployment'],
  'batch/v1': ['Job'],
  'networking.k8s.io/v1': ['NetworkPolicy'],
};

/**
 * Renders a chart as an upgrade does, with a cluster to look things up in: just enough of an API server for that. What a real one
 * does with the charts is for tools/e2e.
 *
 * @returns what helm said against it; empty when it renders.
 */
export async function renderWith(stock: Stock, chart: string, values: object): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const body = answer(stock, new URL(url, 'http://localhost').pathname);
    response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(
        body ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 },
      ),
    );
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const folder = mkdtempSync(join(tmpdir(), 'flashmesh-chart-'));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const named = {
      name: 'stub',
      cluster: { server: url },
      context: { cluster: 'stub', user: 'stub' },
      user: { token: 'any' },
    };
    writeFileSync(
      join(folder, 'kubeconfig'),
      stringify({ clusters: [named], contexts: [named], users: [named], 'current-context': 'stub' }),
    );
    writeFileSync(join(folder, 'values.yaml'), stringify(values));
    const root = join(import.meta.dirname, '../../helm', chart);
    const args = [
      'template',
      chart,
      root,
      '--namespace=shop',
      '--dry-run=server',
      '--disable-openapi-validation',
      '--values',
      join(folder, 'values.yaml'),
    ];
    return await new Promise<string>((resolve) => {
      const env = { ...process.env, KUBECONFIG: join(folder, 'kubeconfig') };
      execFile('helm', args, { env, maxBuffer: 64 * 1024 * 1024 }, (error, _, stderr) =>
        resolve(error ? stderr : ''),
      );
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

function answer({ secrets }: Stock, path: string): object | undefined {
  if (path === '/version') return { major: '1', minor: '34', gitVersion: 'v1.34.0' };
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') {
    const groups = Object.keys(kinds)
      .filter((version) => version.includes('/'))
      .map((groupVersion) => {
        const versions = [{ groupVersion, version: 'v1' }];
        return {
          name: groupVersion.slice(0, groupVersion.indexOf('/')),
          versions,
          preferredVersion: versions[0],
        };
      });
    return { kind: 'APIGroupList', apiVersion: 'v1', groups };
  }
  const groupVersion = path.replace(/^\/apis?\//, '');
  const resources = kinds[groupVersion]?.map((kind) => ({
    name: kind.toLowerCase().replace(/(y?)$/, (_, y: string) => (y ? 'ies' : 's')),
    kind,
    namespaced: true,
    verbs: ['get'],
  }));
  if (resources) return { kind: 'APIResourceList', groupVersion, resources };
  const [, kind, name = ''] = /^\/api\/v1\/namespaces\/shop\/(\w+)\/(.+)$/.exec(path) ?? [];
  const metadata = { name, namespace: 'shop' };
  if (kind === 'serviceaccounts' && name === 'default')
    return { apiVersion: 'v1', kind: 'ServiceAccount', metadata };
  const keys = kind === 'secrets' ? secrets[name] : undefined;
  if (!keys) return undefined;
  const data = Object.fromEntries(keys.map((key) => [key, Buffer.from('secret').toString('base64')]));
  return { apiVersion: 'v1', kind: 'Secret', metadata, data };
}
