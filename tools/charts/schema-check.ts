import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parse } from 'yaml';
import { chartFolders } from './paths.ts';
import { readValues } from './values.ts';

/** The part of JSON Schema that matters here. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly definitions?: Readonly<Record<string, Schema>>;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

/** Helm itself puts these beside a chart's values: what all charts share, and the library chart's values. */
const openAtTop: ReadonlySet<string> = new Set(['global', 'common']);

/**
 * How a values file and its schema differ: keys that the schema does not know, properties that no value sets, and objects
 * that take any key although they name some, so that a misspelt key would go unnoticed. What is one value as a whole, like
 * `resources`, need not set all that it could.
 */
export function compareWithSchema(text: string, schema: object): string[] {
  const values: unknown = parse(text);
  const wholes = new Set(readValues(text).flatMap(({ path, isGroup }) => (isGroup ? [] : [path])));
  const root = schema as Schema;
  const problems: string[] = [];
  /** The properties that some value sets, by their schema: one that is shared by `$ref` is set once for all. */
  const set = new Set<Schema>();
  /** Objects that need not set all of their properties: wholes, and what is empty or a list. */
  const unseen = new Set<Schema>();

  const matchValue = (
    value: unknown,
    at: readonly Schema[],
    path: readonly string[],
    inWhole: boolean,
  ): void => {
    const isWhole = inWhole || wholes.has(path.join('.'));
    if (isWhole || !isObject(value)) for (const schema of at) unseen.add(schema);
    if (!isObject(value) || at.length === 0) return;
    for (const [key, child] of Object.entries(value)) {
      const below = at.flatMap((schema) => propertyOf(schema, key));
      const childPath = [...path, key];
      if (below.length === 0) problems.push(`the schema does not know ${childPath.join('.')}`);
      for (const schema of below) set.add(schema);
      if (path.length === 0 && openAtTop.has(key)) continue;
      matchValue(child, below.flatMap(branches), childPath, isWhole);
    }
  };

  /** The schema of a key: named, free, or none when the key is not allowed. Anything goes below `true`. */
  const propertyOf = ({ properties, additionalProperties }: Schema, key: string): Schema[] => {
    const named = properties?.[key];
    if (named) return [named];
    if (additionalProperties === false) return [];
    if (isObject(additionalProperties)) return [additionalProperties];
    return properties ? [] : [{}];
  };

  /** A schema with what it refers to, and the branches that say what kind of value they take. */
  const branches = (schema: Schema): Schema[] => {
    if (schema.$ref !== undefined) return branches(resolve(root, schema.$ref));
    const kinds = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].filter(
      (branch) => branch.type !== undefined || branch.$ref !== undefined,
    );
    return [schema, ...kinds.flatMap(branches)];
  };

  const walked = new Set<Schema>();
  const checkSchema = (schema: Schema, path: readonly string[]): void => {
    for (const branch of branches(schema)) {
      const { properties, additionalProperties, items } = branch;
      if (walked.has(branch)) continue;
      walked.add(branch);
      const name = path.join('.') || 'the top level';
      if (properties && additionalProperties !== false) {
        problems.push(`${name} takes any key: it needs additionalProperties false`);
      }
      for (const [key, property] of Object.entries(properties ?? {})) {
        if (path.length === 0 && openAtTop.has(key)) continue;
        const childPath = [...path, key];
        if (set.has(property)) checkSchema(property, childPath);
        else if (!unseen.has(branch)) problems.push(`values.yaml does not have ${childPath.join('.')}`);
        else closeAll(property, childPath);
      }
      if (isObject(additionalProperties)) checkSchema(additionalProperties, [...path, '*']);
      if (items) closeAll(items, [...path, '[]']);
    }
  };

  /** Below an empty map or in a list, only whether the objects are closed can be checked. */
  const closeAll = (schema: Schema, path: readonly string[]): void => {
    for (const branch of branches(schema)) unseen.add(branch);
    checkSchema(schema, path);
  };

  matchValue(values, branches(root), [], false);
  checkSchema(root, []);
  return problems;
}

/** @throws Error when the reference leads nowhere, or out of the file. */
function resolve(root: Schema, ref: string): Schema {
  let found: unknown = ref.startsWith('#/') ? root : undefined;
  for (const step of ref.slice(2).split('/')) found = isObject(found) ? found[step] : undefined;
  if (!isObject(found)) throw new Error(`the schema's $ref ${ref} leads nowhere`);
  return found;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What is wrong between the values and the schema of one chart. */
export function checkSchemaOf(chart: string): string[] {
  try {
    const values = readFileSync(join(chart, 'values.yaml'), 'utf8');
    const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as object;
    return compareWithSchema(values, schema).map((problem) => `${basename(chart)}: ${problem}`);
  } catch (error) {
    return [`${basename(chart)}: ${(error as Error).message}`];
  }
}

/** `node tools/charts/schema-check.ts` */
if (import.meta.main) {
  const problems = chartFolders().flatMap((folder) => checkSchemaOf(folder));
  for (const problem of problems) console.log(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
