import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments, stringify } from 'yaml';

/** A rendered object; specs look into it as deep as they need. */
// oxlint-disable-next-line typescript/no-explicit-any -- Kubernetes objects, asserted field by field
export type Manifest = any;

/** How a chart is rendered. */
export interface RenderOptions {
  /** Values in place, on top of `valuesFiles`. */
  readonly values?: object;
  /** Paths below the chart's folder, e.g. `ci/ha-values.yaml`. */
  readonly valuesFiles?: readonly string[];
  /** Folders of helm/profiles, before `valuesFiles`; a profile without a file for the chart changes nothing. */
  readonly profiles?: readonly string[];
  /** As `--set` takes them. */
  readonly set?: readonly string[];
  /** @default '1.34.0' */
  readonly kubeVersion?: string;
  /** @default the chart's name */
  readonly release?: string;
}

const root = join(import.meta.dirname, '../..');

/** The objects of a chart, as `helm template` renders them. */
export function render(chart: string, o: RenderOptions = {}): Manifest[] {
  const { status, stdout, stderr } = template(chart, o);
  if (status !== 0) throw new Error(`helm template ${chart} failed:\n${stderr}`);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS())
    .filter((object) => object !== null && object !== undefined);
}

/** Why helm refuses to render a chart; throws when it does not. */
export function refusal(chart: string, o: RenderOptions = {}): string {
  const { status, stderr } = template(chart, o);
  if (status === 0) throw new Error(`helm template ${chart} renders, although it must not`);
  return stderr;
}

/** The object of a kind and name; throws when there is none. */
export function find(objects: readonly Manifest[], kind: string, name: string): Manifest {
  const found = objects.find((object) => object.kind === kind && object.metadata.name === name);
  if (found) return found;
  const there = objects.filter((object) => object.kind === kind).map((object) => object.metadata.name);
  throw new Error(`no ${kind} ${name}; there are ${there.join(', ') || 'none'}`);
}

/** Every pod template of a chart, with what it belongs to. */
export function podTemplates(
  objects: readonly Manifest[],
): { readonly owner: Manifest; readonly spec: Manifest; readonly metadata: Manifest }[] {
  return objects.flatMap((owner) => {
    const template =
      owner.kind === 'Pod'
        ? owner
        : owner.kind === 'CronJob'
          ? owner.spec.jobTemplate.spec.template
          : owner.spec?.template;
    return template?.spec?.containers
      ? [{ owner, spec: template.spec, metadata: template.metadata ?? {} }]
      : [];
  });
}

function template(chart: string, o: RenderOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'flashmesh-chart-'));
  try {
    const chartFolder = join(root, 'helm', chart);
    const inPlace = join(folder, 'values.yaml');
    if (o.values) writeFileSync(inPlace, stringify(o.values));
    const profiles = (o.profiles ?? []).map((name) => join(root, 'helm/profiles', name));
    const missing = profiles.find((profile) => !existsSync(profile));
    if (missing) throw new Error(`there is no profile ${missing}`);
    const files = [
      ...profiles.map((profile) => join(profile, `${chart}.yaml`)).filter((file) => existsSync(file)),
      ...(o.valuesFiles ?? []).map((file) => join(chartFolder, file)),
      ...(o.values ? [inPlace] : []),
    ];
    return spawnSync(
      'helm',
      [
        'template',
        o.release ?? chart,
        chartFolder,
        '--namespace',
        'shop',
        '--kube-version',
        o.kubeVersion ?? '1.34.0',
        ...files.flatMap((file) => ['--values', file]),
        ...(o.set ?? []).flatMap((value) => ['--set', value]),
      ],
      { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
