import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

/** What the READMEs tell a reader to type about a cluster is there to be typed. */
const root = join(import.meta.dirname, '../..');
const text = (path: string) => readFileSync(join(root, path), 'utf8');
const readmes = [
  'README.md',
  'k8s/README.md',
  ...readdirSync(join(root, 'helm'))
    .map((name) => `helm/${name}/README.md`)
    .filter((path) => existsSync(join(root, path))),
];
const all = readmes.map((path) => text(path)).join('\n');

/** What follows a command, once for each time that it is told. */
function told(pattern: RegExp): string[] {
  const found = [...all.matchAll(pattern)].map(([, rest = '']) => rest);
  expect(found.length).toBeGreaterThan(0);
  return found;
}

describe('the READMEs', () => {
  it('make the cluster of k8s/kind.yaml, and load images into that one', () => {
    expect(told(/kind create cluster (.*?)\s*(?:#|$)/gm)).toContain('--config k8s/kind.yaml');
    const { name } = parse(text('k8s/kind.yaml'));
    for (const rest of told(/kind load docker-image (.*)/g)) expect(rest).toMatch(`--name ${name} `);
  });

  it('name scenarios that there are', () => {
    const table = /scenarios: Readonly<.*?= \{\n(.*?)\n\};/s.exec(text('tools/e2e/main.ts'))?.[1] ?? '';
    const scenarios = [...table.matchAll(/^ {2}'?([\w-]+)'?:/gm)].map(([, name]) => name);
    expect(scenarios).toContain('upgrades');
    for (const rest of told(/test:cluster -- ([\w -]+)/g)) {
      expect(scenarios).toEqual(expect.arrayContaining(rest.trim().split(' ')));
    }
  });

  it('call scripts that there are', () => {
    for (const path of told(/(tools\/[\w/-]+\.(?:sh|ts))/g)) {
      expect([path, existsSync(join(root, path))]).toEqual([path, true]);
    }
  });
});
