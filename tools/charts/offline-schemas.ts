import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readEntry, readZip, type ZipEntry } from '../local/zip.ts';
import { root } from './paths.ts';
import { run } from './process.ts';

const cache = join(root, '.local/cache/kubernetes-schemas');
const requirements = join(import.meta.dirname, 'schemas-requirements.txt');

/**
 * The API's schemas from a Python package, for machines that reach a package index but not GitHub. They are made into the
 * files that kubeconform looks for, once, and kept in `.local/cache`.
 *
 * @returns the value of `-schema-location`.
 * @throws Error when the package cannot be had, or does not know a version.
 */
export async function offlineSchemas(versions: readonly string[]): Promise<string> {
  const missing = versions.filter((version) => !existsSync(join(cache, `v${version}`)));
  if (missing.length > 0) {
    mkdirSync(cache, { recursive: true });
    const scratch = mkdtempSync(join(cache, 'making-'));
    try {
      const wheel = await download(scratch);
      const entries = await readZip(wheel);
      for (const version of missing) await convert(wheel, entries, version, scratch);
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  }
  return `${cache}/{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json`;
}

async function download(folder: string): Promise<string> {
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--require-hashes', '--dest', folder];
  const { ok, output } = await run('python3', [...pip, '--requirement', requirements]);
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (!ok || wheel === undefined) throw new Error(`the schemas could not be downloaded:\n${output}`);
  return join(folder, wheel);
}

interface Definition {
  readonly properties?: { readonly kind?: { readonly enum?: readonly string[] } };
  readonly $defs?: Readonly<Record<string, object>>;
}

/**
 * In the package, the kinds of one version refer to one large file of definitions under an address that exists nowhere.
 * Here each kind gets a copy of the definitions that it needs, which is also much quicker to compile.
 */
async function convert(
  wheel: string,
  entries: readonly ZipEntry[],
  version: string,
  scratch: string,
): Promise<void> {
  const folder = `/v${version}-local-strict/`;
  const files = entries.filter(({ name }) => name.includes(folder));
  const read = async (entry: ZipEntry) =>
    JSON.parse((await readEntry(wheel, entry)).toString()) as Definition;
  const shared = files.find(({ name }) => name.endsWith('/_definitions.json'));
  if (!shared) throw new Error(`the package has no schemas of Kubernetes ${version}`);
  const { $defs: definitions = {} } = await read(shared);

  const made = mkdtempSync(join(scratch, `v${version}-`));
  for (const entry of files) {
    const name = entry.name.slice(entry.name.lastIndexOf('/') + 1);
    if (!/-v\d\w*\.json$/.test(name)) continue;
    const schema = await read(entry);
    // The others are parts of objects, which stand nowhere alone.
    if (schema.properties?.kind?.enum === undefined) continue;
    writeFileSync(join(made, name), JSON.stringify(standAlone(schema, definitions)));
  }
  const target = join(cache, `v${version}`);
  try {
    renameSync(made, target);
  } catch (error) {
    // Another run was quicker, with the same files.
    if (!existsSync(target)) throw error;
  }
}

function standAlone(schema: Definition, definitions: Readonly<Record<string, object>>): object {
  const needed: Record<string, unknown> = {};
  const local = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(local);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(
      Object.entries(part).flatMap(([key, value]) => {
        if (key === '$ref' && typeof value === 'string') return [[key, `#/$defs/${need(value)}`]];
        // A property may itself be called so: then it is a schema, not a text.
        if (key === 'description' && typeof value === 'string') return [];
        return [[key, local(value)]];
      }),
    );
  };
  const need = (ref: string): string => {
    const name = ref.slice(ref.indexOf('#/$defs/') + '#/$defs/'.length);
    if (!(name in needed)) {
      // Taken down first: definitions refer to themselves.
      needed[name] = true;
      needed[name] = local(definitions[name] ?? false);
    }
    return name;
  };
  return { ...(local(schema) as object), $defs: needed };
}
