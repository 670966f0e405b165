import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { checkReadme } from '../../tools/charts/readme.ts';
import { checkSchemaOf } from '../../tools/charts/schema-check.ts';
import { readValues } from '../../tools/charts/values.ts';

const values = `# How many
# pods.
replicas: 1

image:
  # Where from: a | b.
  registry: docker.io
  # By digest.
  digest: ''
# What it asks for.
resources:
  requests: {cpu: 10m}
  limits:
    memory: 64Mi
# Labels of nodes.
nodeSelector: {}
# Names.
names:
  - a
`;
const readme = '# A chart\n\n<!-- values -->\n<!-- /values -->\n\nThe end.\n';
const closed = { type: 'object', additionalProperties: false };
const schema = {
  ...closed,
  properties: {
    global: { type: 'object' },
    common: { type: 'object' },
    replicas: { type: 'integer' },
    image: { ...closed, properties: { registry: { type: 'string' }, digest: { type: 'string' } } },
    resources: { $ref: '#/definitions/resources' },
    nodeSelector: { type: 'object', additionalProperties: { type: 'string' } },
    names: { type: 'array', items: { type: 'string' } },
  },
  definitions: {
    // A whole: what the values do not set of it is not missed.
    resources: {
      ...closed,
      properties: {
        requests: { type: 'object' },
        limits: { ...closed, properties: { memory: { type: 'string' }, cpu: { type: 'string' } } },
      },
    },
  },
};

let chart: string;
const write = (name: string, text: string) => writeFileSync(join(chart, name), text);
const read = (name: string) => readFileSync(join(chart, name), 'utf8');

beforeEach(() => {
  jest.spyOn(console, 'log').mockReturnValue(undefined);
  chart = mkdtempSync(join(tmpdir(), 'flashmesh-values-'));
  write('values.yaml', values);
  write('README.md', readme);
  write('values.schema.json', JSON.stringify(schema));
});

afterEach(() => {
  jest.restoreAllMocks();
  rmSync(chart, { recursive: true, force: true });
});

describe('the table of values', () => {
  it('has a row for each value, with its path, its default and the comment above it', async () => {
    expect(await checkReadme(chart, true)).toEqual([]);
    const rows = read('README.md')
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.replaceAll(/ +/g, ' '));
    expect(rows.slice(2)).toEqual([
      '| `replicas` | `1` | How many pods. |',
      String.raw`| ${'`image.registry`'} | ${'`"docker.io"`'} | Where from: a \| b. |`,
      '| `image.digest` | `""` | By digest. |',
      '| `resources` | `{"requests":{"cpu":"10m"},"limits":{"memory":"64Mi"}}` | What it asks for. |',
      '| `nodeSelector` | `{}` | Labels of nodes. |',
      '| `names` | `["a"]` | Names. |',
    ]);
    expect(read('README.md')).toMatch(/^# A chart\n/);
    expect(read('README.md')).toMatch(/\nThe end\.\n$/);
  });

  it('is left alone when it is fresh, and found stale by the check, which writes nothing', async () => {
    await checkReadme(chart, true);
    expect(await checkReadme(chart, false)).toEqual([]);
    write('values.yaml', values.replace('replicas: 1', 'replicas: 2'));
    const before = read('README.md');
    expect(await checkReadme(chart, false)).toEqual([
      expect.stringContaining("the README's table is not what values.yaml says"),
    ]);
    expect(read('README.md')).toBe(before);
  });

  it('names each value that nobody described', async () => {
    write('values.yaml', values.replace('  # By digest.\n', '').replace('# Labels of nodes.\n', ''));
    expect(await checkReadme(chart, true)).toEqual([
      expect.stringContaining('no comment above image.digest, nodeSelector'),
    ]);
    expect(read('README.md')).toBe(readme);
  });

  it('takes no comment for a description that a blank line separates from its key', () => {
    const [entry] = readValues('# About the file.\n\nreplicas: 1\n');
    expect(entry).toEqual({ path: 'replicas', description: '', value: 1, isGroup: false });
  });

  it('needs both markers, in their order', async () => {
    write('README.md', '# A chart\n\n<!-- /values -->\n<!-- values -->\n');
    expect(await checkReadme(chart, true)).toEqual([expect.stringContaining('the README needs')]);
  });
});

describe('values and schema', () => {
  const withSchema = (change: (copy: typeof schema) => void) => {
    const copy = structuredClone(schema);
    change(copy);
    write('values.schema.json', JSON.stringify(copy));
  };

  it('agree when each knows the other’s keys', () => {
    expect(checkSchemaOf(chart)).toEqual([]);
  });

  it('differ by a key that the schema does not know', () => {
    write('values.yaml', `${values}# New.\nextra: 1\n`);
    write(
      'values.yaml',
      read('values.yaml').replace('  digest:', '  # New.\n  tag: 1\n  # By digest.\n  digest:'),
    );
    expect(checkSchemaOf(chart)).toEqual([
      expect.stringContaining('the schema does not know image.tag'),
      expect.stringContaining('the schema does not know extra'),
    ]);
  });

  it('differ by a key inside of a whole that the schema does not know', () => {
    write('values.yaml', values.replace('memory: 64Mi', 'memroy: 64Mi'));
    expect(checkSchemaOf(chart)).toEqual([
      expect.stringContaining('the schema does not know resources.limits.memroy'),
    ]);
  });

  it('differ by a property that no value sets', () => {
    withSchema((copy) => Object.assign(copy.properties.image.properties, { tag: { type: 'string' } }));
    expect(checkSchemaOf(chart)).toEqual([expect.stringContaining('values.yaml does not have image.tag')]);
  });

  it('are refused when an object with named properties takes any other', () => {
    withSchema((copy) => {
      copy.properties.image.additionalProperties = true;
      copy.definitions.resources.properties.limits.additionalProperties = true;
    });
    expect(checkSchemaOf(chart)).toEqual([
      expect.stringContaining('image takes any key'),
      expect.stringContaining('resources.limits takes any key'),
    ]);
  });

  it('need a schema whose references lead somewhere', () => {
    withSchema((copy) => {
      copy.properties.resources.$ref = '#/definitions/nothing';
    });
    expect(checkSchemaOf(chart)).toEqual([expect.stringContaining('#/definitions/nothing leads nowhere')]);
  });
});
