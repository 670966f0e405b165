import { join } from 'node:path';
import { offlineSchemas } from './offline-schemas.ts';
import { run } from './process.ts';

/** The oldest that the charts take, the one that most clusters run, and the newest with public schemas. */
export const kubernetesVersions = ['1.30.0', '1.34.0', '1.36.0'] as const;

/** Written by hand, strict, of the fields that we use: what is missing there is refused, which is the point. */
const ownSchemas = join(
  import.meta.dirname,
  'crd-schemas/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json',
);
const catalogue =
  'https://raw.githubusercontent.com/datreeio/CRDs-catalog/main/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json';

/** Where kubeconform looks for schemas: what KUBECONFORM_SCHEMAS lists, else public ones, else (`offline`) a package's. */
export async function schemaLocations(offline: boolean): Promise<string[]> {
  const asked = process.env['KUBECONFORM_SCHEMAS'];
  if (asked !== undefined && asked !== '') return asked.split(',');
  if (offline) return [await offlineSchemas(kubernetesVersions), ownSchemas];
  return ['default', catalogue, ownSchemas];
}

/** What kubeconform found. */
export interface Validation {
  readonly valid: number;
  /** Objects without a schema, and objects that it was told to leave out: a success that proves nothing. */
  readonly skipped: number;
  readonly problems: readonly string[];
}

interface Answer {
  readonly resources?: readonly {
    readonly filename: string;
    readonly kind: string;
    readonly name: string;
    readonly status: string;
    readonly msg: string;
  }[];
  readonly summary?: { readonly valid: number; readonly skipped: number };
}

/** Validates all objects in files or folders, strictly. */
export async function validate(
  version: string,
  locations: readonly string[],
  paths: readonly string[],
): Promise<Validation> {
  const schemas = locations.flatMap((location) => ['-schema-location', location]);
  const flags = ['-strict', '-summary', '-output', 'json', '-kubernetes-version', version];
  const { ok, stdout, output } = await run('kubeconform', [...flags, ...schemas, ...paths]);
  let answer: Answer;
  try {
    answer = JSON.parse(stdout) as Answer;
  } catch {
    return { valid: 0, skipped: 0, problems: [output] };
  }
  const problems = (answer.resources ?? []).map(
    ({ filename, kind, name, status, msg }) =>
      `Kubernetes ${version}: ${filename}: ${kind} ${name}: ${status === 'statusSkipped' ? 'skipped' : msg}`,
  );
  const { valid = 0, skipped = 0 } = answer.summary ?? {};
  if (skipped > 0) problems.push(`Kubernetes ${version}: ${skipped} objects were skipped`);
  if (!ok && problems.length === 0) problems.push(output);
  return { valid, skipped, problems };
}
