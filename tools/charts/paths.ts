import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');
export const chartsFolder = join(root, 'helm');

/** The charts that can be installed: what has values of its own. The library chart has none. */
export function chartFolders(): string[] {
  return readdirSync(chartsFolder)
    .map((name) => join(chartsFolder, name))
    .filter((folder) => existsSync(join(folder, 'values.yaml')))
    .sort();
}

/** The values files under which a chart must render: the combinations of its own, and its part in each profile. */
export function valuesFiles(chart: string): string[] {
  const ci = join(chart, 'ci');
  const profiles = join(chartsFolder, 'profiles');
  return [
    ...list(ci).filter((file) => file.endsWith('-values.yaml')),
    ...list(profiles).map((profile) => join(profile, `${basename(chart)}.yaml`)),
  ].filter((file) => existsSync(file));
}

function list(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
}
